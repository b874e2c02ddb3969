import * as theirs from "@azure/identity";
import * as ours from "@azweb/identity";
import process from "node:process";

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
  start(options?: StartOptions): Started;
  /** The same for the identity of a virtual machine. */
  startOnMachine(options?: Pick<StartOptions, "delayInMs">): Started;
  /**
   * Returns a chain of environment, workload identity and managed identity, where there are no variables and the metadata service is
   * silent. Theirs is the default one, because it is the only one that probes.
   */
  startInSilence(): Credential;
  /** Returns the default chain on a developer's machine, where the metadata service is silent. */
  startOnLaptop(): Credential;
  /** Returns a credential that asks the Azure CLI, with nothing remembered. */
  createAzureCli(): Credential;
}

interface Started {
  create(): Credential;
  readonly service: Service;
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
    startOnMachine({ delayInMs = 0 } = {}) {
      const service = createService(delayInMs);
      const options: ours.ManagedIdentityCredentialOptions = {
        env: {},
        localFetch: async (input, init) => new Response(await service.answer(String(input), init?.signal)),
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
        httpClient: httpClient((request) => service.answer(request.url, request.abortSignal)),
      };
      return {
        service,
        create: () => new theirs.ClientSecretCredential(TENANT, CLIENT, SECRET, options) as Credential,
      };
    },
    startOnMachine({ delayInMs = 0 } = {}) {
      const service = createService(delayInMs);
      const options = { httpClient: httpClient((request) => service.answer(request.url, request.abortSignal)) };
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

function httpClient(answer: (request: Parameters<HttpClient["sendRequest"]>[0]) => Promise<string>): HttpClient {
  return {
    async sendRequest(request) {
      const bodyAsText = await answer(request);
      const headers = Object.assign(new Headers(), { toJSON: () => ({}) }) as never;
      return { request, status: 200, headers, bodyAsText };
    },
  };
}

/** As its own client does, it heeds the time that a request may take. */
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
    async answer(url: string, signal: AbortSignalLike | null | undefined): Promise<string> {
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
