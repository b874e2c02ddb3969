import {
  type Client,
  clockSkew,
  clockTolerance,
  processAuthorizationCodeResponse,
  processGenericTokenEndpointResponse,
  processRefreshTokenResponse,
} from "oauth4webapi";
import type { AuthenticationRecord } from "../authentication_record.ts";
import { bound, MAX_LENGTH } from "../core/bound.ts";
import { encodeBase64Url } from "../core/encoding.ts";
import { parseObject } from "../core/json.ts";
import { checkTenantId } from "../core/tenants.ts";
import { AuthenticationError } from "../errors.ts";
import type { Authority } from "../entra/authority.ts";
import { decodeBase64Url } from "../core/decoding.ts";
import { compareIssuers, issuerFor, isTenantOf } from "../entra/issuer.ts";
import { protocolError } from "../entra/protocol_error.ts";
import type { Grant, TokenResponse } from "../entra/token_client.ts";

const CLOCK_TOLERANCE_IN_S = 300;
const ACTION = "Cannot use the ID token";
const ANOTHER_APP = "It is for another app";

/** Reasons for the user, by the claim that oauth4webapi rejects. */
const REASONS: Readonly<Record<string, string>> = {
  aud: ANOTHER_APP,
  azp: ANOTHER_APP,
  exp: "It has expired: Check the clock",
  nbf: "It is not valid yet: Check the clock",
  nonce: "It belongs to another sign-in",
  sub: "It names no user",
};

/** Expected values of an ID token (OpenID Connect Core, section 3.1.3.7). */
export interface ExpectedIdToken {
  readonly clientId: string;
  readonly grantType: Grant["type"];
  /** The issuer, which sent the token over TLS, so that the signature need not be verified. */
  readonly server: Authority;
  /** The nonce of the authorization request; `undefined` if there was none. */
  readonly nonce: string | undefined;
  readonly now: number;
}

/**
 * Validates the ID token of a token response and returns the account that it names; `undefined` if there is no ID
 * token.
 *
 * @throws {AuthenticationError} The ID token is invalid, or missing although a nonce was sent.
 */
export async function readAccount(
  response: TokenResponse,
  { clientId, grantType, server, nonce, now }: ExpectedIdToken,
): Promise<AuthenticationRecord | undefined> {
  const [idToken, clientInfo] = [response.body.id_token, response.body.client_info].map(text);
  if (idToken === undefined) {
    if (nonce === undefined) return undefined;
    throw idTokenError("The response has no ID token");
  }
  const [header, payload, signature, ...rest] = idToken.split(".");
  const claims = decodeObject(payload);
  if (!claims || signature === undefined || rest.length > 0) throw idTokenError("It is malformed");
  // Rules of Microsoft Entra, which oauth4webapi does not have: the tenant, and an issuer that depends on it.
  const tid = text(claims.tid);
  const issuer = issuerFor(server, claims.iss, tid);
  if (!isTenantOf(server, tid)) {
    throw idTokenError(tid === undefined ? "It names no tenant" : "It is of another tenant");
  }
  if (issuer === undefined) throw idTokenError(`It is from another issuer: ${compareIssuers(server, claims.iss, tid)}`);
  // oauth4webapi validates "azp" only if there are several audiences.
  if ((claims.azp ?? clientId) !== clientId) throw idTokenError(ANOTHER_APP);
  if (claims.sub === "") throw idTokenError(REASONS.sub!);

  // Only the validated claims, because the groups of a user can make the token longer than `MAX_LENGTH`, the limit for
  // regular expressions.
  const { iss, sub, aud, azp, exp, iat, nbf, auth_time } = claims;
  const validated = JSON.stringify({ iss, sub, aud, azp, exp, iat, nbf, auth_time, nonce: claims.nonce });
  const id_token = `${header}.${encodeBase64Url(validated)}.${signature}`;
  if (id_token.length > MAX_LENGTH) throw idTokenError("It is malformed");

  const as = { issuer };
  const client: Client = {
    client_id: clientId,
    [clockSkew]: Math.floor(now / 1000) - Math.floor(Date.now() / 1000),
    [clockTolerance]: CLOCK_TOLERANCE_IN_S,
  };
  const { token } = response.token;
  const normalised = new Response(JSON.stringify({ access_token: token, token_type: "bearer", id_token }));
  try {
    await (nonce !== undefined
      ? processAuthorizationCodeResponse(as, client, normalised, { expectedNonce: nonce })
      : grantType === "refresh_token"
      ? processRefreshTokenResponse(as, client, normalised)
      : processGenericTokenEndpointResponse(as, client, normalised));
  } catch (error) {
    const claim = /"([a-z]+)"/.exec((error as Error).message)?.[1] ?? "";
    if (Object.hasOwn(REASONS, claim)) throw idTokenError(REASONS[claim]!);
    throw protocolError(error, ACTION, { statusCode: 200, secrets: [token, idToken] });
  }
  const { uid, utid } = decodeObject(clientInfo) ?? {};
  const tenantId = tid ?? "";
  return {
    authority: new URL(server.token_endpoint!).host,
    homeAccountId: `${text(uid) ?? text(claims.oid) ?? claims.sub}.${text(utid) ?? tenantId}`,
    clientId,
    tenantId,
    username: text(claims.preferred_username) ?? text(claims.upn) ?? text(claims.email) ?? "",
  };
}

/** Throws a `TypeError` unless the value is an authentication record. Its tenant becomes part of a URL. */
export function checkAccount(record: unknown): void {
  const { homeAccountId, tenantId, username } = Object(record) as Partial<AuthenticationRecord>;
  const isRecord = text(homeAccountId) !== undefined &&
    [tenantId, username].every((value) => typeof value === "string");
  if (!isRecord) {
    throw new TypeError(
      'Option "authenticationRecord" must be a value that "authenticate" returned; parse a serialized record with "deserializeAuthenticationRecord"',
    );
  }
  if (tenantId) checkTenantId(tenantId, "options.authenticationRecord.tenantId");
}

/** Returns the id of the account's home tenant; `undefined` if the account id does not contain it. */
export function homeTenantOf({ homeAccountId }: AuthenticationRecord): string | undefined {
  return /\.([\da-f-]{36})$/i.exec(bound(homeAccountId))?.[1];
}

function idTokenError(reason: string): AuthenticationError {
  return new AuthenticationError(`${ACTION}: ${reason}`, { statusCode: 200 });
}

/** Returns a value that is a non-empty string; `undefined` for another one. */
export function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** Decodes a JSON object in base64url; returns `undefined` if it is malformed. */
function decodeObject(base64Url = ""): Record<string, unknown> | undefined {
  return parseObject(new TextDecoder().decode(decodeBase64Url(base64Url)));
}
