import type { Explanation } from "../credential_explanation.ts";
import { CredentialUnavailableError } from "../errors.ts";
import type { Settings } from "./settings.ts";

const VARIABLES = [
  "AZURE_TENANT_ID",
  "AZURE_CLIENT_ID",
  "AZURE_CLIENT_SECRET",
  "AZURE_CLIENT_CERTIFICATE_PATH",
  "AZURE_USERNAME",
  "AZURE_PASSWORD",
] as const;

/** What else decides where the secret goes, as whom, and how: read in part, it would go elsewhere. */
const ALL_VARIABLES = [
  ...VARIABLES,
  "AZURE_CLIENT_CERTIFICATE_PASSWORD",
  "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN",
  "AZURE_ADDITIONALLY_ALLOWED_TENANTS",
  "AZURE_AUTHORITY_HOST",
  "AZURE_REGIONAL_AUTHORITY_NAME",
  "AZURE_IDENTITY_DISABLE_MULTITENANTAUTH",
];

/** Who the variables say the program is: the first of the kinds whose variables are all set. */
export type Principal =
  & { readonly tenantId: string; readonly clientId: string }
  & (
    | { readonly kind: "secret"; readonly secret: string }
    | { readonly kind: "certificate"; readonly certificatePath: string }
    | { readonly kind: "user"; readonly username: string; readonly password: string }
  );

/** Returns who the variables say the program is. Throws a `CredentialUnavailableError` where they say nobody, or may not be read. */
export function findPrincipal({ env, missingEnvPermission }: Settings): Principal {
  const flag = missingEnvPermission(ALL_VARIABLES);
  if (flag) {
    throw new CredentialUnavailableError("Cannot read all of the variables that say who the program is", {
      nextStep: `Run Deno with ${flag}`,
    });
  }
  const [tenantId, clientId, secret, certificatePath, username, password] = VARIABLES.map(env);
  if (tenantId && clientId) {
    if (secret) return { kind: "secret", tenantId, clientId, secret };
    if (certificatePath) return { kind: "certificate", tenantId, clientId, certificatePath };
    if (username && password) return { kind: "user", tenantId, clientId, username, password };
  }
  const names = VARIABLES.filter(env);
  throw new CredentialUnavailableError(
    `Cannot find a service principal or a user (${names.length ? `set: ${names.join(", ")}` : "none is set"})`,
    {
      nextStep: "Set AZURE_TENANT_ID, AZURE_CLIENT_ID and one of AZURE_CLIENT_SECRET, AZURE_CLIENT_CERTIFICATE_PATH, " +
        "AZURE_USERNAME with AZURE_PASSWORD",
    },
  );
}

/** Returns what is known of it without a request. */
export function explainPrincipal(settings: Settings): Explanation {
  const { kind } = findPrincipal(settings);
  const what = { secret: "A client secret", certificate: "A certificate", user: "A user" }[kind];
  return { state: "configured", detail: `${what} in the variables ${VARIABLES.filter(settings.env).join(", ")}` };
}
