import { createGetToken, type GetToken } from "../core/get_token.ts";
import { nameCredential } from "../core/failures.ts";
import { decodeJwt } from "../core/jwt.ts";
import { APP_VARIABLES, requireVariables } from "../core/require_variables.ts";
import { rereadVariables, type Settings } from "../core/settings.ts";
import { checkAppTenantId, MULTITENANT_VARIABLE } from "../core/tenants.ts";
import { messageOf } from "../core/unknown_errors.ts";
import { checkClientId, checkVariable } from "../core/validate.ts";
import type { AssertionRequest, AssertionSource } from "../assertion_source.ts";
import type { Explanation } from "../credential_explanation.ts";
import { AuthenticationError, CredentialUnavailableError } from "../errors.ts";
import { assertionAuth } from "../entra/client_auth.ts";
import { createTokenClient } from "../entra/token_client.ts";
import type { CredentialOptions } from "../options.ts";
import { noPlatform } from "./from_platform.ts";
import { findPlatform, type Platform, PLATFORM_VARIABLES, PLATFORMS } from "./platforms.ts";

const TENANT = "AZURE_TENANT_ID";
const CLIENT = "AZURE_CLIENT_ID";

/** All variables that determine the identity. */
export const FEDERATED_VARIABLES: readonly string[] = [
  ...new Set([TENANT, CLIENT, ...PLATFORM_VARIABLES, ...PLATFORMS.flatMap(({ identity }) => identity)]),
  "AZURE_AUTHORITY_HOST",
  ...APP_VARIABLES,
  MULTITENANT_VARIABLE,
];

/**
 * Returns the `getToken` of the app of `AZURE_TENANT_ID` and `AZURE_CLIENT_ID`, for which the platform issues
 * assertions. Throws a `CredentialUnavailableError` if there is no platform or a variable is not set, an
 * `AuthenticationError` if one is malformed or may not be read.
 */
export function createPlatformIdentity(name: string, options: CredentialOptions, resolved: Settings): GetToken {
  const settings = rereadVariables(resolved);
  const { platform, tenantId, clientId } = readIdentity(name, settings);
  let source: AssertionSource | undefined;

  /** Returns an assertion. It is an error if the platform offers none, because the program must have this identity. */
  async function getAssertion(request: AssertionRequest): Promise<string> {
    try {
      source ??= await platform.load(options);
      return await source(request);
    } catch (error) {
      if (!(error instanceof CredentialUnavailableError)) throw error;
      throw new AuthenticationError(error.message);
    }
  }

  const clientAuth = assertionAuth(getAssertion);
  return createGetToken({
    name,
    tenantId,
    async cacheIdentity() {
      // A local token is read without a request. Unlike the variables, its issuer and subject always name its owner.
      const { iss, sub } = platform.isLocal ? decodeJwt(await getAssertion({}))?.claims ?? {} : {};
      const values = platform.isLocal ? [iss, sub] : platform.identity.map(settings.env);
      return [clientId, platform.name, JSON.stringify(values)];
    },
    acquire: createTokenClient({ name, clientId, clientAuth, type: "client_credentials" }, settings),
  }, settings);
}

/** Explains the identity without a request. Throws the errors of {@linkcode createPlatformIdentity}. */
export async function explainPlatformIdentity(name: string, settings: Settings): Promise<Explanation> {
  const { platform } = readIdentity(name, settings);
  try {
    await platform.check?.(settings);
  } catch (error) {
    return { state: "fails", detail: messageOf(error) };
  }
  return { state: "configured", detail: `An assertion of ${platform.name} for the app of ${CLIENT}` };
}

function readIdentity(
  name: string,
  settings: Settings,
): { readonly platform: Platform; readonly tenantId: string; readonly clientId: string } {
  requireVariables(FEDERATED_VARIABLES, settings, { credential: name, services: ["entra"] });
  const { env } = settings;
  const platform = findPlatform(env);
  if (!platform) {
    const error = noPlatform();
    nameCredential(error, name);
    throw error;
  }
  const unset = [TENANT, CLIENT].filter((variable) => !env(variable));
  if (unset.length > 0) {
    throw new CredentialUnavailableError(
      `${name}: Cannot determine the app, for which ${platform.name} issues assertions`,
      {
        outcome: "absent",
        nextStep: `Set ${unset.join(" and ")}`,
      },
    );
  }
  const [tenantId, clientId] = [env(TENANT)!, env(CLIENT)!];
  checkVariable(name, TENANT, tenantId, checkAppTenantId);
  checkVariable(name, CLIENT, clientId, checkClientId);
  return { platform, tenantId, clientId };
}
