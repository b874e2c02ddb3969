/**
 * Programs as data: their variables and their chain, and the real credentials for them.
 *
 * @module
 */
import {
  AzureCliCredential,
  AzureDeveloperCliCredential,
  AzurePowerShellCredential,
  ChainedTokenCredential,
  ClientCertificateCredential,
  ClientSecretCredential,
  CredentialUnavailableError,
  DefaultAzureCredential,
  EnvironmentCredential,
  ManagedIdentityCredential,
  type TokenCredential,
  WorkloadIdentityCredential,
} from "@azweb/identity";
import { ASSIGNED, SOURCES } from "./model_machine.ts";
import { createWorld, HOUR, TOKEN_FILE, type World } from "./model_world.ts";

export const TENANTS = ["11111111-2222-3333-4444-555555555555", "22222222-2222-3333-4444-555555555555"] as const;
export const UNKNOWN_ID = "77777777-7777-8888-9999-000000000000";

/** The credentials that a chain can contain, besides chains. */
// deno-fmt-ignore
export const LEAVES = [
  "environment", "workload", "managed identity", "az", "pwsh", "azd", "assigned identity", "unknown identity",
  "secret one", "secret two", "missing certificate", "workload by option", "foreign one", "foreign two",
] as const;
export type Leaf = typeof LEAVES[number];

/** The members of `DefaultAzureCredential`, in order, by their names in AZURE_TOKEN_CREDENTIALS. */
export const DEFAULT_CHAIN: readonly (readonly [name: string, leaf: Leaf])[] = [
  ["EnvironmentCredential", "environment"],
  ["WorkloadIdentityCredential", "workload"],
  ["ManagedIdentityCredential", "managed identity"],
  ["AzureCliCredential", "az"],
  ["AzurePowerShellCredential", "pwsh"],
  ["AzureDeveloperCliCredential", "azd"],
];

/** The users of each home folder. */
export const USERS = { "/home/jo": ["jo", "jo-admin"], "/home/kim": ["kim", "kim-admin"] } as const;

/** A credential: a leaf, `DefaultAzureCredential`, or a `ChainedTokenCredential` of credentials. */
export type Shape = Leaf | "default" | { readonly chain: readonly Shape[] };

/** A program, with its variables and options. */
export interface Program {
  readonly shape: Shape;
  /** The variables of EnvironmentCredential. `"id only"` is an app without its secret, as in the job of a pipeline. */
  readonly principal: "none" | "secret" | "id only";
  readonly hasFederatedToken: boolean;
  /** The managed identity, and where the program configures its id; `"own"` is the system-assigned identity. */
  readonly identity:
    | "own"
    | "assigned by variable"
    | "unknown by variable"
    | "assigned by option"
    | "unknown by option";
  /** The value of AZURE_TOKEN_CREDENTIALS. */
  readonly tokenCredentials: string | undefined;
  /** Whether DefaultAzureCredential has the option `tenantId`. */
  readonly hasTenant: boolean;
  readonly allowsAnyTenant: boolean;
  readonly isInChina: boolean;
  readonly home: "/home/jo" | "/home/kim";
  /** The default cache of the process, the option `cache` with a cache of the world, or `cache: false`. */
  readonly cache: "process" | "own" | "none";
  readonly maxRetries: number;
}

/** Returns the value of AZURE_CLIENT_ID. */
export function clientIdVariable({ principal, identity, hasFederatedToken }: Program): string | undefined {
  if (hasFederatedToken) return "pod-app";
  if (principal !== "none") return "web-app";
  return { "assigned by variable": ASSIGNED, "unknown by variable": UNKNOWN_ID }[identity as string];
}

/** Returns the value of the option `managedIdentityClientId`. */
export function clientIdOption({ identity }: Program): string | undefined {
  return { "assigned by option": ASSIGNED, "unknown by option": UNKNOWN_ID }[identity as string];
}

/** Returns the variables of a program. */
export function variablesOf(program: Program, world: World): Record<string, string> {
  const { principal, hasFederatedToken, tokenCredentials, isInChina, home } = program;
  const clientId = clientIdVariable(program);
  return {
    PATH: "/usr/bin",
    HOME: home,
    ...world.box.source !== "none" && SOURCES[world.box.source],
    ...clientId !== undefined && { AZURE_CLIENT_ID: clientId },
    ...(principal !== "none" || hasFederatedToken) && { AZURE_TENANT_ID: TENANTS[0] },
    ...principal === "secret" && { AZURE_CLIENT_SECRET: "s" },
    ...hasFederatedToken && { AZURE_FEDERATED_TOKEN_FILE: TOKEN_FILE },
    ...tokenCredentials !== undefined && { AZURE_TOKEN_CREDENTIALS: tokenCredentials },
    ...isInChina && { AZURE_AUTHORITY_HOST: "https://login.chinacloudapi.cn", AZURE_CLOUD_NAME: "AzureChinaCloud" },
  };
}

/** Creates the credential of a program. */
export function createProgram(program: Program, world: World): TokenCredential {
  const { allowsAnyTenant, maxRetries } = program;
  const cache = { process: undefined, own: world.cache, none: false as const }[program.cache];
  const options = {
    env: variablesOf(program, world),
    fetch: world.fetch,
    localFetch: world.localFetch,
    runtime: world.runtime,
    retryOptions: { maxRetries, retryDelayInMs: 0 },
    waitUntil() {},
    ...cache !== undefined && { cache },
    ...allowsAnyTenant && { additionallyAllowedTenants: ["*"] },
  };
  const clientId = clientIdOption(program);
  return create(program.shape);

  function create(shape: Shape): TokenCredential {
    if (typeof shape === "object") return new ChainedTokenCredential(...shape.chain.map(create));
    switch (shape) {
      case "default":
        return new DefaultAzureCredential({
          ...options,
          ...program.hasTenant && { tenantId: TENANTS[0] },
          ...clientId !== undefined && { managedIdentityClientId: clientId },
        });
      case "environment":
        return new EnvironmentCredential(options);
      case "workload":
        return new WorkloadIdentityCredential(options);
      case "workload by option":
        return new WorkloadIdentityCredential({
          ...options,
          tenantId: TENANTS[0],
          clientId: "file-app",
          tokenFilePath: TOKEN_FILE,
        });
      case "managed identity":
        return new ManagedIdentityCredential(options);
      case "assigned identity":
        return new ManagedIdentityCredential(ASSIGNED, options);
      case "unknown identity":
        return new ManagedIdentityCredential(UNKNOWN_ID, options);
      case "az":
        return new AzureCliCredential(options);
      case "pwsh":
        return new AzurePowerShellCredential(options);
      case "azd":
        return new AzureDeveloperCliCredential(options);
      case "secret one":
        return new ClientSecretCredential(TENANTS[0], "app-one", "s", options);
      case "secret two":
        return new ClientSecretCredential(TENANTS[1], "app-two", "s", options);
      case "missing certificate":
        return new ClientCertificateCredential(TENANTS[0], "app-three", "/missing.pem", options);
      case "foreign one":
      case "foreign two":
        return createForeign(shape, world);
    }
  }
}

/** Creates a credential of another package, whose behaviour is in `world.foreign`. */
function createForeign(name: string, world: World): TokenCredential {
  return {
    // deno-lint-ignore require-await
    async getToken(scopes: string | string[]) {
      world.clock.touch();
      const mood = world.foreign.get(name) ?? "token";
      const resource = [scopes].flat().map((scope) => scope.replace(/\/\.default$/, "")).sort().join(" ");
      const unavailable = Object.assign(new Error("Of another package"), { name: "CredentialUnavailableError" });
      switch (mood) {
        case "token": {
          const token = world.issue(name, "", resource, HOUR);
          return { token, expiresOnTimestamp: world.issued.at(-1)!.expiresOn };
        }
        case "null":
          return null;
        case "unavailable":
          throw unavailable;
        case "absent":
        case "not for this call":
          throw Object.assign(new CredentialUnavailableError("Of a program"), { outcome: mood.replaceAll(" ", "-") });
        case "required":
          throw Object.assign(new Error("Sign in"), { name: "AuthenticationRequiredError" });
        case "aggregate":
          throw Object.assign(new Error("Several"), { name: "AggregateAuthenticationError", errors: [unavailable] });
        case "refused":
          throw Object.assign(new Error("Refused"), { name: "AuthenticationError" });
      }
    },
  } as TokenCredential;
}

/**
 * Loads the modules that credentials import at their first call, so that the imports in scenarios take only a turn of
 * the event loop.
 */
export async function loadModules(): Promise<void> {
  const world = createWorld({
    source: "Service Fabric",
    linkLocal: "nothing",
    tools: ["az", "pwsh", "azd"],
    areProfilesReadable: true,
  });
  for (const shape of [...LEAVES, "default"] as const) {
    for (const hasFederatedToken of [false, true]) {
      const credential = createProgram(
        {
          shape,
          ...{ principal: "none", hasFederatedToken, identity: "own", tokenCredentials: undefined, hasTenant: false },
          ...{ allowsAnyTenant: false, isInChina: false, home: "/home/jo", cache: "process", maxRetries: 0 },
        },
        world,
      );
      await credential.getToken("https://storage.azure.com/.default").catch(() => {});
    }
  }
}
