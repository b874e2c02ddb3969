/**
 * A workload with a token file, and an Entra that trusts it. Runs on every runtime.
 *
 * @module
 */
import type { WorkloadIdentityCredentialOptions } from "@azweb/identity";
import { createEntra, createFakeClock, type Entra, type FakeClock } from "@azweb/identity/testing";
import { publicKeys, signAssertion } from "./certificates/assertion.ts";

export const TENANT = "22222222-2222-2222-2222-222222222222";
export const CLIENT = "11111111-1111-1111-1111-111111111111";
export const PATH = "/var/run/secrets/azure/tokens/azure-identity-token";
export const SCOPE = "https://storage.azure.com/.default";
export const ISSUER = "https://oidc.example/cluster/";
export const SUBJECT = "system:serviceaccount:default:app";
export const START: number = Date.UTC(2030, 0, 1, 12);

const ONE_HOUR_IN_S = 3600;

/** A pod, and the Entra that trusts its tokens. */
export interface Workload {
  readonly entra: Entra;
  readonly clock: FakeClock;
  /** The files of the pod. Credentials see changes to them. */
  readonly files: Map<string, string>;
  readonly env: Record<string, string>;
  /** Number of times that each file was read. */
  readonly reads: Map<string, number>;
  /** The options of credentials in the pod. */
  readonly options: WorkloadIdentityCredentialOptions & { runtime: object };
}

/** Signs a token with a lifetime of an hour, as the cluster does. */
export function serviceAccountToken(claims: Record<string, unknown> = {}, now: number = START): Promise<string> {
  const iat = Math.floor(now / 1000);
  const usual = { iss: ISSUER, sub: SUBJECT, aud: "api://AzureADTokenExchange", iat, exp: iat + ONE_HOUR_IN_S };
  return signAssertion({ ...usual, ...claims }, { alg: "RS256", kid: "a-key" });
}

/** Creates a pod with a valid token file. */
export async function createWorkload(): Promise<Workload> {
  const clock = createFakeClock(START);
  const jwks = await publicKeys("a-key") as { keys: object[] };
  const app = { clientId: CLIENT, federatedCredentials: [{ issuer: ISSUER, subject: SUBJECT, jwks }] };
  const entra = createEntra({
    apps: [{ ...app, tenantId: TENANT }, { ...app, tenantId: "fabrikam.onmicrosoft.com" }],
    now: clock.now,
  });
  const files = new Map([[PATH, await serviceAccountToken()]]);
  const reads = new Map<string, number>();
  const env: Record<string, string> = {
    AZURE_TENANT_ID: TENANT,
    AZURE_CLIENT_ID: CLIENT,
    AZURE_FEDERATED_TOKEN_FILE: PATH,
  };
  return {
    entra,
    clock,
    files,
    env,
    reads,
    options: {
      env,
      fetch: entra.fetch,
      retryOptions: { maxRetries: 0 },
      runtime: {
        now: clock.now,
        sleep: clock.sleep,
        // deno-lint-ignore require-await
        readTextFile: async (path: string) => {
          reads.set(path, (reads.get(path) ?? 0) + 1);
          const text = files.get(path);
          if (text !== undefined) return text;
          throw Object.assign(new Error(`ENOENT: no such file or directory, open '${path}'`), { code: "ENOENT" });
        },
      },
    },
  };
}
