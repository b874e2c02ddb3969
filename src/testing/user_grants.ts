import { digest, encodeBase64Url } from "../core/encoding.ts";
import { type Directory, findUser, isUserOf, required, same } from "./directory.ts";
import type { EntraApp, EntraUser } from "./entra_options.ts";
import { formatTime, Refusal } from "./refusal.ts";
import { verify } from "./signing_key.ts";

/** A request for a token. */
export interface TokenCall {
  readonly url: URL;
  /** As the path names it: an id, a domain, or one of the names that stand for several. */
  readonly tenant: string;
  readonly form: Readonly<Record<string, string>>;
}

/** Whom a grant speaks for. */
interface Found {
  readonly user: EntraUser;
  readonly isStrong: boolean;
  readonly nonce?: string | undefined;
  /** What was asked for earlier, where the request does not say. */
  readonly scope?: string;
  /** Called when nothing stands in the way any more; says whether the client gets a new refresh token. */
  readonly taken?: (isReplaced: boolean) => void;
}

type FindSession = (call: TokenCall, app: EntraApp, directory: Directory) => Found | Promise<Found>;

const GRANTS: Readonly<Record<string, FindSession>> = {
  password: byPassword,
  refresh_token: byRefreshToken,
  authorization_code: byCode,
  device_code: byDeviceCode,
  "urn:ietf:params:oauth:grant-type:device_code": byDeviceCode,
  "urn:ietf:params:oauth:grant-type:jwt-bearer": byAssertion,
};

/** Returns what finds the user that a grant speaks for; it throws a `Refusal` for a bad one. */
export function findSession(grant: string): FindSession | undefined {
  return Object.hasOwn(GRANTS, grant) ? GRANTS[grant] : undefined;
}

function byPassword({ form, tenant }: TokenCall, app: EntraApp, directory: Directory): Found {
  if (tenant === "common" || tenant === "consumers") throw new Refusal(9001023);
  const username = required(form, "username");
  const password = required(form, "password");
  const user = findUser(directory, username, tenant);
  if (!user) throw new Refusal(50034, { username, tenant, app: app.clientId });
  if (user.password !== password) throw new Refusal(50126);
  return { user, isStrong: false };
}

function byRefreshToken({ form, tenant }: TokenCall, app: EntraApp, directory: Directory): Found {
  const grant = directory.refreshTokens.get(required(form, "refresh_token"));
  const isUsed = grant?.end === "replaced" && !directory.allowReplay;
  if (!grant || isUsed || !same(grant.clientId, app.clientId)) throw new Refusal(70000, { parameter: "refresh_token" });
  if (grant.end === "revoked") throw new Refusal(50173);
  const { user, isStrong } = grant;
  if (!isUserOf(user, tenant)) {
    throw new Refusal(50020, { username: user.username, tenant, app: app.clientId });
  }
  return { user, isStrong, taken: (isReplaced) => void (isReplaced && (grant.end ??= "replaced")) };
}

async function byCode({ form, tenant }: TokenCall, app: EntraApp, directory: Directory): Promise<Found> {
  const grant = directory.codes.get(required(form, "code"));
  if (!grant || !same(grant.clientId, app.clientId)) throw new Refusal(70000, { parameter: "code" });
  const uri = required(form, "redirect_uri");
  if (!isUserOf(grant.user, tenant)) throw new Refusal(700005);
  if (uri !== grant.redirectUri) throw new Refusal(500112, { uri, asked: grant.redirectUri });
  if (await challengeOf(form.code_verifier) !== grant.challenge) throw new Refusal(501481);
  if (grant.isRedeemed) throw new Refusal(54005);
  if (grant.expiresOnTimestamp <= directory.now()) throw new Refusal(70008);
  const { user, isStrong, nonce } = grant;
  return { user, isStrong, nonce, scope: form.scope || grant.scope, taken: () => grant.isRedeemed = true };
}

/** Derives what proves that who redeems is who asked (RFC 7636, section 4.2). */
async function challengeOf(verifier: string | undefined): Promise<string | undefined> {
  if (!verifier) return undefined;
  return encodeBase64Url(await digest(verifier));
}

function byDeviceCode({ form }: TokenCall, app: EntraApp, directory: Directory): Found {
  const code = required(form, "device_code");
  const grant = directory.deviceCodes.get(code);
  if (!grant || !same(grant.clientId, app.clientId)) throw new Refusal(70000, { parameter: "device_code" });
  const now = directory.now();
  const { askedOnTimestamp = -Infinity, user } = grant;
  grant.askedOnTimestamp = now;
  if (grant.expiresOnTimestamp <= now) throw new Refusal(70020);
  if (user === null) throw new Refusal(65004, {}, "authorization_declined");
  if (!user) {
    // RFC 8628, section 3.5.
    const isTooFast = now - askedOnTimestamp < grant.intervalInMs;
    if (isTooFast) grant.intervalInMs += 5_000;
    throw new Refusal(70016, {}, isTooFast ? "slow_down" : undefined);
  }
  return {
    user,
    isStrong: true,
    scope: form.scope || grant.scope,
    taken: () => void directory.deviceCodes.delete(code),
  };
}

async function byAssertion({ form, tenant }: TokenCall, app: EntraApp, directory: Directory): Promise<Found> {
  const assertion = required(form, "assertion");
  if (required(form, "requested_token_use") !== "on_behalf_of") throw new Refusal(9002313);
  const claims = await claimsOf(assertion, directory);
  const { clientId, identifierUris = [`api://${clientId}`] } = app;
  const audience = String(claims.aud);
  if (![clientId, ...identifierUris].some((mine) => same(mine, audience))) {
    throw new Refusal(500131, { audience, app: clientId });
  }
  const user = claims.idtyp === "user" && findUser(directory, String(claims.upn), String(claims.tid));
  if (!user) throw new Refusal(7000114, { app: clientId });
  if (!isUserOf(user, tenant)) {
    throw new Refusal(50020, { username: user.username, tenant, app: clientId });
  }
  return { user, isStrong: Array.isArray(claims.amr) && claims.amr.includes("mfa") };
}

async function claimsOf(assertion: string, { now }: Directory): Promise<Record<string, unknown>> {
  try {
    return await verify(assertion, now());
  } catch (error) {
    if ((error as { code?: string }).code === "ERR_JWT_EXPIRED") throw new Refusal(500133, { now: formatTime(now()) });
    throw new Refusal(50013, { reason: "The signature could not be verified." }, "invalid_grant");
  }
}
