import type { AuthorizationServer } from "oauth4webapi";
import type { AuthenticationRecord } from "../authentication_record.ts";
import { bound } from "../core/bound.ts";
import { seconds } from "../core/freshness.ts";
import { parseObject } from "../core/json.ts";
import { checkTenantId } from "../core/tenants.ts";
import { parseUrl } from "../core/url.ts";
import { AuthenticationError } from "../errors.ts";
import { decodeBase64Url } from "./decode.ts";
import { preferredHost } from "./known_hosts.ts";
import type { TokenAnswer } from "./token_client.ts";

const CLOCK_SKEW_IN_S = 300;
const EXTERNAL_ISSUER = /^https:\/\/([\da-f-]{36})\.ciamlogin\.com\/\1\/v2\.0\/?$/i;

/** What an ID token must fit (OpenID Connect Core, section 3.1.3.7). */
export interface Expected {
  readonly clientId: string;
  /** Who gave it, over TLS: its signature need not be checked then. */
  readonly server: AuthorizationServer;
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
  const { aud, exp, iss } = claims;
  if (![aud].flat().includes(clientId)) throw refused("it is for another app");
  if (text(claims.sub) === undefined) throw refused("it names nobody");
  if (!isIssuerOf(server, iss)) throw refused("it is by another issuer");
  if (nonce !== undefined && claims.nonce !== nonce) throw refused("it is of another sign-in");
  if ((seconds(exp) ?? 0) + CLOCK_SKEW_IN_S < now / 1000) throw refused("it has expired: Check the clock");
  const { uid, utid } = parseObject(decode(clientInfo ?? "")) ?? {};
  const tenantId = text(claims.tid) ?? "";
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

/**
 * Whether the issuer is who runs the server, by one of its names. An external tenant has a name with its own id, too, which the path of its
 * issuer repeats.
 */
export function isIssuerOf(server: AuthorizationServer, issuer: unknown): boolean {
  const [other, own] = [parseUrl(issuer), new URL(server.token_endpoint!)];
  if (other?.protocol !== own.protocol) return false;
  const isExternal = own.host.endsWith(".ciamlogin.com") && EXTERNAL_ISSUER.test(bound(other.href));
  return other.host === own.host || isExternal ||
    preferredHost(other.host) !== undefined && preferredHost(other.host) === preferredHost(own.host);
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** Decodes base64url of UTF-8; empty where it is none. */
function decode(base64Url: string): string {
  return new TextDecoder().decode(decodeBase64Url(base64Url));
}
