import type { AuthenticationRecord } from "../authentication_record.ts";
import { bound } from "../core/bound.ts";
import { seconds } from "../core/freshness.ts";
import { parseObject } from "../core/json.ts";
import { checkTenantId } from "../core/tenants.ts";
import { AuthenticationError } from "../errors.ts";
import type { Authority } from "./authority.ts";
import { decodeBase64Url } from "./decode.ts";
import { isIssuerOf, isTenantOf } from "./issuer.ts";
import type { TokenAnswer } from "./token_client.ts";

const CLOCK_SKEW_IN_S = 300;

/** What an ID token must fit (OpenID Connect Core, section 3.1.3.7). */
export interface Expected {
  readonly clientId: string;
  /** Who gave it, over TLS: its signature need not be checked then. */
  readonly server: Authority;
  /** What was sent to the authorization endpoint. */
  readonly nonce?: string | undefined;
  readonly now: number;
}

/**
 * Returns who has signed in. Throws an `AuthenticationError` where the ID token is for another app, by another issuer, of another sign-in, or
 * missing where it must not be.
 */
export function accountOf({ idToken, clientInfo }: TokenAnswer, expected: Expected): AuthenticationRecord | undefined {
  const { clientId, server, nonce, now } = expected;
  if (idToken === undefined) {
    if (nonce === undefined) return undefined;
    throw refused("there is none");
  }
  const claims = parseObject(decode(idToken.split(".")[1] ?? ""));
  if (!claims) throw refused("it is malformed");
  const { aud, azp, exp, iss } = claims;
  const tid = text(claims.tid);
  const audiences = [aud].flat();
  // Without `azp`, a token for several apps does not say to which of them it was given.
  if (!audiences.includes(clientId) || (azp ?? (audiences.length > 1 ? undefined : clientId)) !== clientId) {
    throw refused("it is for another app");
  }
  if (text(claims.sub) === undefined) throw refused("it names nobody");
  if (!isTenantOf(server, tid)) throw refused(tid === undefined ? "it names no tenant" : "it is of another tenant");
  if (!isIssuerOf(server, iss, tid)) throw refused("it is by another issuer");
  if (nonce !== undefined && claims.nonce !== nonce) throw refused("it is of another sign-in");
  if ((seconds(exp) ?? 0) + CLOCK_SKEW_IN_S < now / 1000) throw refused("it has expired: Check the clock");
  const { uid, utid } = parseObject(decode(clientInfo ?? "")) ?? {};
  const tenantId = tid ?? "";
  return {
    authority: new URL(server.token_endpoint!).host,
    homeAccountId: `${text(uid) ?? text(claims.oid) ?? claims.sub}.${text(utid) ?? tenantId}`,
    clientId,
    tenantId,
    username: text(claims.preferred_username) ?? text(claims.upn) ?? text(claims.email) ?? "",
  };
}

/** Throws a `TypeError` unless the value is what `authenticate` returns: its tenant becomes part of a URL. */
export function checkAccount(record: unknown): void {
  const { homeAccountId, tenantId, username } = Object(record) as Partial<AuthenticationRecord>;
  const isRecord = text(homeAccountId) !== undefined &&
    [tenantId, username].every((value) => typeof value === "string");
  if (!isRecord) {
    throw new TypeError(
      'Option "authenticationRecord" must be what "authenticate" has returned; "deserializeAuthenticationRecord" makes it of its text',
    );
  }
  if (tenantId) checkTenantId(tenantId, "options.authenticationRecord.tenantId");
}

/** Returns the tenant that the user is of, wherever the user has signed in; `undefined` where nobody says. */
export function homeTenantOf({ homeAccountId }: AuthenticationRecord): string | undefined {
  return /\.([\da-f-]{36})$/i.exec(bound(homeAccountId))?.[1];
}

function refused(reason: string): AuthenticationError {
  return new AuthenticationError(`Cannot use the ID token: ${reason[0]!.toUpperCase()}${reason.slice(1)}`, {
    statusCode: 200,
  });
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** Decodes base64url of UTF-8; empty where it is none. */
function decode(base64Url: string): string {
  return new TextDecoder().decode(decodeBase64Url(base64Url));
}
