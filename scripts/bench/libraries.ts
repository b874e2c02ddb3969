import * as theirs from "@azure/identity";
import * as ours from "@azweb/identity";
import process from "node:process";

/** Replaces the token service. */
export interface Service {
  /** Number of token requests. */
  readonly tokenRequests: number;
  /** Number of all requests. */
  readonly requests: number;
}

/** A library as the benchmarks see it. */
export interface Contender {
  readonly name: "ours" | "theirs";
  /** Returns a function that creates equal credentials without a cached token, and the service that they use. */
  start(options?: StartOptions): Started;
  /** As {@linkcode start}, for the managed identity of a virtual machine. */
  startOnMachine(options?: Pick<StartOptions, "delayInMs">): Started;
  /**
   * Returns a chain of environment, workload identity and managed identity. No variables are set, and the metadata
   * service does not respond. Of `@azure/identity` it is `DefaultAzureCredential`, the only class there that probes.
   */
  startInSilence(): Credential;
  /** Returns a `DefaultAzureCredential` on a developer's machine, where the metadata service does not respond. */
  startOnLaptop(): Credential;
  /** Returns a credential that uses the Azure CLI, without a cached token. */
  createAzureCli(): Credential;
}

interface Started {
  create(): Credential;
  readonly service: Service;
}

export interface StartOptions {
  /** How long the service takes to respond, in milliseconds. Default: 0. */
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

/** Both libraries. Neither opens a connection, and both receive the same bytes. */
export const CONTENDERS: readonly Contender[] = [
  {
    name: "ours",
    start({ delayInMs = 0, authorityHost = PUBLIC_CLOUD } = {}) {
      const service = createService(delayInMs);
      const options: ours.CredentialOptions = {
        authorityHost,
        disableInstanceDiscovery: authorityHost !== PUBLIC_CLOUD,
        fetch: async (input, init) => new Response(await service.respond(String(input), init?.signal)),
      };
      return { service, create: () => new ours.ClientSecretCredential(TENANT, CLIENT, SECRET, options) };
    },
    startOnMachine({ delayInMs = 0 } = {}) {
      const service = createService(delayInMs);
      const options: ours.ManagedIdentityCredentialOptions = {
        env: {},
        localFetch: async (input, init) => new Response(await service.respond(String(input), init?.signal)),
      };
      return { service, create: () => new ours.ManagedIdentityCredential(options) };
    },
    startInSilence() {
      const options = { env: {}, localFetch: silence };
      return new ours.ChainedTokenCredential(
        new ours.EnvironmentCredential(options),
        new ours.WorkloadIdentityCredential(options),
        new ours.ManagedIdentityCredential(options),
      );
    },
    startOnLaptop: () => new ours.DefaultAzureCredential({ localFetch: silence }),
    createAzureCli: () => new ours.AzureCliCredential({ cache: new Map() }),
  },
  {
    name: "theirs",
    start({ delayInMs = 0, authorityHost = PUBLIC_CLOUD } = {}) {
      const service = createService(delayInMs);
      const options: theirs.ClientSecretCredentialOptions = {
        authorityHost,
        disableInstanceDiscovery: authorityHost !== PUBLIC_CLOUD,
        httpClient: httpClient((request) => service.respond(request.url, request.abortSignal)),
      };
      return {
        service,
        create: () => new theirs.ClientSecretCredential(TENANT, CLIENT, SECRET, options) as Credential,
      };
    },
    startOnMachine({ delayInMs = 0 } = {}) {
      const service = createService(delayInMs);
      const options = { httpClient: httpClient((request) => service.respond(request.url, request.abortSignal)) };
      return { service, create: () => new theirs.ManagedIdentityCredential(options) as Credential };
    },
    startInSilence() {
      process.env.AZURE_TOKEN_CREDENTIALS = "prod";
      return new theirs.DefaultAzureCredential({ httpClient: silentClient() }) as Credential;
    },
    startOnLaptop: () => new theirs.DefaultAzureCredential({ httpClient: silentClient() }) as Credential,
    createAzureCli: () => new theirs.AzureCliCredential() as Credential,
  },
];

type HttpClient = NonNullable<theirs.ClientSecretCredentialOptions["httpClient"]>;

function httpClient(respond: (request: Parameters<HttpClient["sendRequest"]>[0]) => Promise<string>): HttpClient {
  return {
    async sendRequest(request) {
      const bodyAsText = await respond(request);
      const headers = Object.assign(new Headers(), { toJSON: () => ({}) }) as never;
      return { request, status: 200, headers, bodyAsText };
    },
  };
}

/** A client that gets no response. Like the client of `@azure/identity`, it ends a request after its timeout. */
function silentClient(): HttpClient {
  return httpClient(async ({ timeout, abortSignal }) => {
    await pause(timeout || LONG, abortSignal);
    throw new Error("The request took too long");
  });
}

async function silence(_url: unknown, init?: RequestInit): Promise<Response> {
  await pause(LONG, init?.signal);
  return new Response();
}

interface AbortSignalLike {
  readonly aborted: boolean;
  addEventListener(type: "abort", listener: () => void): void;
}

function createService(delayInMs: number) {
  const service = {
    tokenRequests: 0,
    requests: 0,
    async respond(url: string, signal: AbortSignalLike | null | undefined): Promise<string> {
      service.requests++;
      const { origin, pathname } = new URL(url);
      const isToken = pathname.endsWith("/token");
      if (isToken) service.tokenRequests++;
      if (delayInMs) await pause(delayInMs, signal);
      if (pathname.startsWith("/metadata/")) return JSON.stringify(machineToken());
      return JSON.stringify(isToken ? TOKEN : configuration(`${origin}/${TENANT}`));
    },
  };
  return service;
}

const LONG = 600_000;
const DAY_IN_S = 86_400;
const TOKEN = { token_type: "Bearer", expires_in: 3599, ext_expires_in: 3599, access_token: "x".repeat(1500) };

function machineToken(): Record<string, string> {
  const expiresOn = Math.floor(Date.now() / 1000) + DAY_IN_S;
  return {
    access_token: TOKEN.access_token,
    client_id: CLIENT,
    expires_in: String(DAY_IN_S),
    expires_on: String(expiresOn),
    resource: SCOPE.replace("/.default", ""),
    token_type: "Bearer",
  };
}

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
