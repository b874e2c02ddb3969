import * as theirs from "@azure/identity";
import * as ours from "@azweb/identity";

/** What stands in the place of the token service. */
export interface Service {
  /** How often it was asked for a token. */
  readonly tokenRequests: number;
  /** How often it was asked for anything. */
  readonly requests: number;
}

/** A library as the benchmarks see it. */
export interface Contender {
  readonly name: "ours" | "theirs";
  /** Returns what makes credentials that are alike, with nothing remembered, and what they ask. */
  start(options?: StartOptions): { create(): Credential; service: Service };
}

export interface StartOptions {
  /** How long the service takes to answer, in milliseconds. Default: no time at all. */
  readonly delayInMs?: number;
  readonly authorityHost?: string;
}

export interface Credential {
  getToken(scopes: string | string[], options?: ours.GetTokenOptions): Promise<unknown>;
}

export const SCOPE = "https://storage.azure.com/.default";

const TENANT = "11111111-2222-3333-4444-555555555555";
const CLIENT = "22222222-3333-4444-5555-666666666666";
const SECRET = "a-secret";
const PUBLIC_CLOUD = "https://login.microsoftonline.com";

/** Both; neither opens a connection, both are answered with the same bytes. */
export const CONTENDERS: readonly Contender[] = [
  {
    name: "ours",
    start({ delayInMs = 0, authorityHost = PUBLIC_CLOUD } = {}) {
      const service = createService(delayInMs);
      const options: ours.CredentialOptions = {
        authorityHost,
        disableInstanceDiscovery: authorityHost !== PUBLIC_CLOUD,
        fetch: async (input, init) => new Response(await service.answer(String(input), init?.signal)),
      };
      return { service, create: () => new ours.ClientSecretCredential(TENANT, CLIENT, SECRET, options) };
    },
  },
  {
    name: "theirs",
    start({ delayInMs = 0, authorityHost = PUBLIC_CLOUD } = {}) {
      const service = createService(delayInMs);
      const options: theirs.ClientSecretCredentialOptions = {
        authorityHost,
        disableInstanceDiscovery: authorityHost !== PUBLIC_CLOUD,
        httpClient: {
          async sendRequest(request) {
            const bodyAsText = await service.answer(request.url, request.abortSignal);
            const headers = Object.assign(new Headers(), { toJSON: () => ({}) }) as never;
            return { request, status: 200, headers, bodyAsText };
          },
        },
      };
      return {
        service,
        create: () => new theirs.ClientSecretCredential(TENANT, CLIENT, SECRET, options) as Credential,
      };
    },
  },
];

interface AbortSignalLike {
  readonly aborted: boolean;
  addEventListener(type: "abort", listener: () => void): void;
}

function createService(delayInMs: number) {
  const service = {
    tokenRequests: 0,
    requests: 0,
    async answer(url: string, signal: AbortSignalLike | null | undefined): Promise<string> {
      service.requests++;
      const { origin, pathname } = new URL(url);
      const isToken = pathname.endsWith("/token");
      if (isToken) service.tokenRequests++;
      if (delayInMs) await pause(delayInMs, signal);
      return JSON.stringify(isToken ? TOKEN : configuration(`${origin}/${TENANT}`));
    },
  };
  return service;
}

const TOKEN = { token_type: "Bearer", expires_in: 3599, ext_expires_in: 3599, access_token: "x".repeat(1500) };

function configuration(base: string): Record<string, string> {
  return {
    issuer: `${base}/v2.0`,
    authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
    token_endpoint: `${base}/oauth2/v2.0/token`,
    jwks_uri: `${base}/discovery/v2.0/keys`,
  };
}

function pause(ms: number, signal: AbortSignalLike | null | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("The request was aborted", "AbortError"));
    });
  });
}
