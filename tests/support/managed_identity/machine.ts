/**
 * A machine that is simulated by one function, for unusual responses: see `service.ts`. Complete machines are in
 * `@azweb/identity/testing`.
 *
 * @module
 */
import { type AccessToken, type CredentialOptions, ManagedIdentityCredential } from "@azweb/identity";
import type { Runtime } from "@azweb/identity/runtime";
import { type Asked, createService, isolatedOptions, jsonAnswer, type Service } from "../service.ts";

export const IMDS = "http://169.254.169.254/metadata/identity/oauth2/token";
export const VAULT = "https://vault.azure.net/.default";
export const CLIENT_ID = "66666666-7777-8888-9999-000000000000";
export const OBJECT_ID = "77777777-7777-8888-9999-000000000000";
export const RESOURCE_ID =
  "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/me";

/** The variables of each kind of machine. */
export const MACHINES = {
  "Service Fabric": {
    IDENTITY_ENDPOINT: "https://node:2377/metadata/identity/oauth2/token",
    IDENTITY_HEADER: "a-header",
    IDENTITY_SERVER_THUMBPRINT: "ABABABABABABABABABAB:ABABABABABABABABABAB",
  },
  "App Service": { IDENTITY_ENDPOINT: "http://127.0.0.1:41741/msi/token/", IDENTITY_HEADER: "a-header" },
  "Azure Machine Learning": { MSI_ENDPOINT: "http://127.0.0.1:46808/MSI/auth", MSI_SECRET: "a-secret" },
  "Cloud Shell": { MSI_ENDPOINT: "http://localhost:50342/oauth2/token" },
  "Azure Arc": {
    IDENTITY_ENDPOINT: "http://localhost:40342/metadata/identity/oauth2/token",
    IMDS_ENDPOINT: "http://localhost:40342",
  },
  IMDS: {},
} as const;

/** The name of a kind of machine. */
export type MachineName = keyof typeof MACHINES;

/** Returns a valid response: a token with a lifetime of a day, in the format of the sources. */
export function machineAnswer(members: Record<string, unknown> = {}): Response {
  const expiresOn = Math.floor(Date.now() / 1000) + 86_400;
  return jsonAnswer({ access_token: "a-token", expires_on: String(expiresOn), token_type: "Bearer", ...members });
}

/**
 * Returns the two responses of Azure Arc: a challenge with the path of a key file, and a token for a request with the
 * key.
 */
export function arcAnswers(asked: Asked, path: string = "/var/opt/azcmagent/tokens/a.key"): Response {
  if (asked.headers.get("authorization") === "Basic a-key") return machineAnswer();
  return new Response("", { status: 401, headers: { "WWW-Authenticate": `Basic realm=${path}` } });
}

/** Returns an unsigned token of an identity provider, as in the token file of a workload. */
export function federatedToken(): string {
  const part = (value: object) => btoa(JSON.stringify(value)).replace(/=+$/, "");
  const exp = Math.floor(Date.now() / 1000) + 3600;
  return `${part({ alg: "RS256" })}.${part({ iss: "https://issuer.example", sub: "pod", exp })}.c2lnbmF0dXJl`;
}

/**
 * Returns the options of a credential on a machine with these variables and files, and this service for local requests.
 */
export function machineOptions(
  { env = {}, files = {}, service, ...runtime }: {
    env?: Record<string, string>;
    files?: Record<string, string>;
    service: Service;
  } & Omit<Partial<Runtime>, "env">,
): CredentialOptions & { env: Record<string, string>; runtime: Partial<Runtime> } {
  return {
    ...isolatedOptions(service),
    env,
    fetch: unreachable,
    runtime: {
      platform: "linux",
      fileExists: (path: string) => Promise.resolve(path in files),
      readTextFile: (path: string) =>
        path in files ? Promise.resolve(files[path]!) : Promise.reject(new Error("No such file")),
      tlsFetch: () => service.fetch,
      ...runtime,
    },
  };
}

/** Gets a token on a machine. Returns the token and the requests. */
export async function askOn(
  name: MachineName,
  {
    identity = {},
    scope = VAULT,
    answer,
  }: { identity?: object; scope?: string | string[]; answer?: (asked: Asked, index: number) => unknown } = {},
): Promise<{ token: AccessToken; requests: readonly Asked[] }> {
  const service = createService(answer ?? ((asked) => name === "Azure Arc" ? arcAnswers(asked) : machineAnswer()));
  const files = { "/var/opt/azcmagent/tokens/a.key": "a-key" };
  const options = machineOptions({ env: { ...MACHINES[name] }, files, service });
  const token = await new ManagedIdentityCredential({ ...options, ...identity }).getToken(scope);
  return { token, requests: service.requests };
}

function unreachable(): Promise<Response> {
  return Promise.reject(new Error("A request to a local address must use localFetch"));
}
