import { digest, encodeBase64Url } from "../../core/encoding.ts";
import { byUserCredential } from "./agents.ts";
import { type Directory, findApp, findUser, isUserOf, required, same } from "./directory.ts";
import type { EntraApp } from "./entra_options.ts";
import { formatTime, ServiceError } from "./service_error.ts";
import { verify } from "./signing_key.ts";
import type { GrantedSession, TokenRequest } from "./token_request.ts";

type FindSession = (
  request: TokenRequest,
  app: EntraApp,
  directory: Directory,
) => GrantedSession | Promise<GrantedSession>;

const GRANTS: Readonly<Record<string, FindSession>> = {
  password: byPassword,
  refresh_token: byRefreshToken,
  authorization_code: byCode,
  device_code: byDeviceCode,
  "urn:ietf:params:oauth:grant-type:device_code": byDeviceCode,
  "urn:ietf:params:oauth:grant-type:jwt-bearer": byAssertion,
  user_fic: byUserCredential,
};

/**
 * Returns the function that validates a grant of this type and returns its session, `undefined` for an unknown type.
 */
export function findSession(grant: string): FindSession | undefined {
  return Object.hasOwn(GRANTS, grant) ? GRANTS[grant] : undefined;
}

function byPassword({ form, tenant }: TokenRequest, app: EntraApp, directory: Directory): GrantedSession {
  if (tenant === "common" || tenant === "consumers") throw new ServiceError(9001023);
  const username = required(form, "username");
  const password = required(form, "password");
  const user = findUser(directory, username, tenant);
  if (!user) throw new ServiceError(50034, { username, tenant, app: app.clientId });
  if (user.password !== password) throw new ServiceError(50126);
  return { user, hasMfa: false };
}

function byRefreshToken({ form, tenant }: TokenRequest, app: EntraApp, directory: Directory): GrantedSession {
  const grant = directory.refreshTokens.get(required(form, "refresh_token"));
  const isUsed = grant?.end === "replaced" && !directory.allowReplay;
  if (!grant || isUsed || !same(grant.clientId, app.clientId)) {
    throw new ServiceError(70000, { parameter: "refresh_token" });
  }
  if (grant.end === "revoked") throw new ServiceError(50173);
  const { user, hasMfa } = grant;
  if (!isUserOf(user, tenant)) {
    throw new ServiceError(50020, { username: user.username, tenant, app: app.clientId });
  }
  return { user, hasMfa, redeem: (isReplaced) => void (isReplaced && (grant.end ??= "replaced")) };
}

async function byCode({ form, tenant }: TokenRequest, app: EntraApp, directory: Directory): Promise<GrantedSession> {
  const grant = directory.codes.get(required(form, "code"));
  if (!grant || !same(grant.clientId, app.clientId)) throw new ServiceError(70000, { parameter: "code" });
  const uri = required(form, "redirect_uri");
  if (!isUserOf(grant.user, tenant)) throw new ServiceError(700005);
  if (uri !== grant.redirectUri) throw new ServiceError(500112, { uri, requested: grant.redirectUri });
  if (await challengeOf(form.code_verifier) !== grant.challenge) throw new ServiceError(501481);
  if (grant.isRedeemed) throw new ServiceError(54005);
  if (grant.expiresOnTimestamp <= directory.now()) throw new ServiceError(70008);
  const { user, hasMfa, nonce } = grant;
  return { user, hasMfa, nonce, scope: form.scope || grant.scope, redeem: () => grant.isRedeemed = true };
}

/** Derives the PKCE challenge from the verifier (RFC 7636, section 4.2). */
async function challengeOf(verifier: string | undefined): Promise<string | undefined> {
  if (!verifier) return undefined;
  return encodeBase64Url(await digest(verifier));
}

function byDeviceCode({ form }: TokenRequest, app: EntraApp, directory: Directory): GrantedSession {
  const code = required(form, "device_code");
  const grant = directory.deviceCodes.get(code);
  if (!grant || !same(grant.clientId, app.clientId)) throw new ServiceError(70000, { parameter: "device_code" });
  const now = directory.now();
  const { lastPolledTimestamp = -Infinity, user } = grant;
  grant.lastPolledTimestamp = now;
  if (grant.expiresOnTimestamp <= now) throw new ServiceError(70020);
  if (user === null) throw new ServiceError(65004, {}, "authorization_declined");
  if (!user) {
    // RFC 8628, section 3.5.
    const isTooFast = now - lastPolledTimestamp < grant.intervalInMs;
    if (isTooFast) grant.intervalInMs += 5_000;
    throw new ServiceError(70016, {}, isTooFast ? "slow_down" : undefined);
  }
  return {
    user,
    hasMfa: true,
    scope: form.scope || grant.scope,
    redeem: () => void directory.deviceCodes.delete(code),
  };
}

async function byAssertion(
  { form, tenant }: TokenRequest,
  app: EntraApp,
  directory: Directory,
): Promise<GrantedSession> {
  const assertion = required(form, "assertion");
  if (required(form, "requested_token_use") !== "on_behalf_of") throw new ServiceError(9002313);
  const claims = await claimsOf(assertion, directory);
  // Users get tokens for the blueprint, of which the agent identity is an instance.
  const clientId = app.blueprintId ?? app.clientId;
  const { identifierUris = [`api://${clientId}`] } = app.blueprintId ? findApp(directory, clientId, app.tenantId) : app;
  const audience = String(claims.aud);
  if (![clientId, ...identifierUris].some((own) => same(own, audience))) {
    throw new ServiceError(500131, { audience, app: clientId });
  }
  const user = claims.idtyp === "user" && findUser(directory, String(claims.upn), String(claims.tid));
  if (!user) throw new ServiceError(7000114, { app: clientId });
  if (!isUserOf(user, tenant)) {
    throw new ServiceError(50020, { username: user.username, tenant, app: clientId });
  }
  return { user, hasMfa: Array.isArray(claims.amr) && claims.amr.includes("mfa") };
}

async function claimsOf(assertion: string, { now }: Directory): Promise<Record<string, unknown>> {
  try {
    return await verify(assertion, now());
  } catch (error) {
    if ((error as { code?: string }).code === "ERR_JWT_EXPIRED") {
      throw new ServiceError(500133, { now: formatTime(now()) });
    }
    throw new ServiceError(50013, { reason: "The signature could not be verified." }, "invalid_grant");
  }
}
