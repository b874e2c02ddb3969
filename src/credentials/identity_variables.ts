import { CredentialUnavailableError } from "../errors.ts";
import { APP_VARIABLES, requireVariables, unsetReason } from "../core/require_variables.ts";
import type { Settings } from "../core/settings.ts";
import { MULTITENANT_VARIABLE } from "../core/tenants.ts";

const VARIABLES = [
  "AZURE_TENANT_ID",
  "AZURE_CLIENT_ID",
  "AZURE_CLIENT_SECRET",
  "AZURE_CLIENT_CERTIFICATE_PATH",
  "AZURE_USERNAME",
  "AZURE_PASSWORD",
] as const;

/** All variables that determine the identity and the token service that receives its secret. */
export const IDENTITY_VARIABLES: readonly string[] = [
  ...VARIABLES,
  "AZURE_CLIENT_CERTIFICATE_PASSWORD",
  "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN",
  "AZURE_ADDITIONALLY_ALLOWED_TENANTS",
  "AZURE_AUTHORITY_HOST",
  ...APP_VARIABLES,
  MULTITENANT_VARIABLE,
];

/** The identity that the environment variables configure: the first of the kinds whose variables are all set. */
export type EnvironmentIdentity =
  & { readonly tenantId: string; readonly clientId: string }
  & (
    | { readonly kind: "secret"; readonly secret: string }
    | { readonly kind: "certificate"; readonly certificatePath: string }
    | { readonly kind: "user"; readonly username: string; readonly password: string }
  );

/**
 * Returns the identity that the environment variables configure. Throws a `CredentialUnavailableError` if they
 * configure none, an `AuthenticationError` if they may not be read.
 */
export function readIdentityVariables(settings: Settings): EnvironmentIdentity {
  requireVariables(IDENTITY_VARIABLES, settings, { services: ["entra"] });
  const { env } = settings;
  const [tenantId, clientId, secret, certificatePath, username, password] = VARIABLES.map(env);
  if (tenantId && clientId) {
    if (secret) return { kind: "secret", tenantId, clientId, secret };
    if (certificatePath) return { kind: "certificate", tenantId, clientId, certificatePath };
    if (username && password) return { kind: "user", tenantId, clientId, username, password };
  }
  throw new CredentialUnavailableError(
    `Cannot find a service principal or a user: ${unsetReason(missingOf(settings), VARIABLES, settings)}`,
    {
      outcome: "absent",
      nextStep: settings.envAdvice ??
        "Set AZURE_TENANT_ID, AZURE_CLIENT_ID and one of AZURE_CLIENT_SECRET, AZURE_CLIENT_CERTIFICATE_PATH, " +
          "AZURE_USERNAME with AZURE_PASSWORD",
    },
  );
}

/** Returns the unset variables of the identity that the set variables suggest. */
function missingOf({ env }: Settings): string[] {
  const [tenantId, clientId, secret, certificatePath, username, password] = VARIABLES;
  const proof = env(secret)
    ? [secret]
    : env(certificatePath)
    ? [certificatePath]
    : env(username) || env(password)
    ? [username, password]
    : [env(secret) === "" ? secret : `${secret} or ${certificatePath}`];
  return [tenantId, clientId, ...proof].filter((name) => !env(name));
}

/** Returns the names of the variables that configure the identity. */
export function variablesOf({ kind }: EnvironmentIdentity): readonly string[] {
  const own = {
    secret: ["AZURE_CLIENT_SECRET"],
    certificate: ["AZURE_CLIENT_CERTIFICATE_PATH"],
    user: ["AZURE_USERNAME", "AZURE_PASSWORD"],
  }[kind];
  return ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", ...own];
}
