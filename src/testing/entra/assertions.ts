import type { JWTPayload, ProtectedHeaderParameters } from "jose";
import { digest, encodeHex } from "../../core/encoding.ts";
import { type Directory, same } from "./directory.ts";
import { checkFederation } from "./federated_credentials.ts";
import type { EntraApp } from "./entra_options.ts";
import { loadJose } from "./load_jose.ts";
import { formatTime, ServiceError } from "./service_error.ts";

interface Assertion {
  readonly jwt: string;
  readonly header: ProtectedHeaderParameters;
  readonly claims: JWTPayload;
}

const CLOCK_SKEW_IN_S = 300;

/**
 * Validates a client assertion (RFC 7523).
 *
 * @param url The token endpoint that received the assertion.
 * @throws {ServiceError} The assertion is not valid.
 */
export async function checkAssertion(jwt: string, app: EntraApp, url: URL, directory: Directory): Promise<void> {
  const { decodeJwt, decodeProtectedHeader } = await loadJose();
  let assertion: Assertion;
  try {
    assertion = { jwt, header: decodeProtectedHeader(jwt), claims: decodeJwt(jwt) };
  } catch {
    throw new ServiceError(50027);
  }
  const { header, claims } = assertion;
  if (![claims.iat, claims.nbf, claims.exp].every(isTime)) throw new ServiceError(50027);
  if (header.x5t !== undefined || header["x5t#S256"] !== undefined) {
    await checkCertificate(assertion, app, url);
    checkLifetime(assertion, directory);
    checkReplay(assertion, app, directory);
  } else {
    await checkFederation(assertion, app, directory.fetch);
    checkLifetime(assertion, directory);
  }
}

async function checkCertificate({ jwt, header, claims }: Assertion, app: EntraApp, url: URL): Promise<void> {
  const algorithm = header.alg ?? "none";
  // Active Directory Federation Services does not support PS256.
  const algorithms = same(app.tenantId, "adfs") ? ["RS256"] : ["PS256", "RS256"];
  const isSha256 = header["x5t#S256"] !== undefined;
  const thumbprint = base64ToHex(String(isSha256 ? header["x5t#S256"] : header.x5t));
  const certificate = await findCertificate(app, isSha256 ? "SHA-256" : "SHA-1", thumbprint);
  if (!certificate) throw new ServiceError(700027, { reason: "The key was not found.", thumbprint });
  const { compactVerify, importX509 } = await loadJose();
  try {
    await compactVerify(jwt, await importX509(certificate, algorithm), { algorithms });
  } catch {
    throw new ServiceError(700027, {
      reason: "The key was found, but use of the key to verify the signature failed.",
      thumbprint,
    });
  }
  if (claims.iss !== claims.sub) throw new ServiceError(50048);
  if (!same(String(claims.sub), app.clientId)) throw new ServiceError(700021);
  if (![claims.aud].flat().some((audience) => isTokenEndpoint(audience, url))) throw new ServiceError(700023);
}

/** Whether the audience is the token endpoint, in its version 1 or 2, or the issuer of the tenant. */
function isTokenEndpoint(audience: string | undefined, url: URL): boolean {
  if (!audience || !URL.canParse(audience)) return false;
  const { protocol, host, pathname } = new URL(audience);
  const tenant = url.pathname.split("/")[1]!;
  const paths = ["/oauth2/v2.0/token", "/oauth2/token", "/v2.0", "/", ""];
  // Regional endpoints accept assertions for the global one.
  const hosts = [url.host, ...(url.host.endsWith(".login.microsoft.com") ? ["login.microsoftonline.com"] : [])];
  return protocol === url.protocol && hosts.includes(host) && paths.some((path) => same(pathname, `/${tenant}${path}`));
}

async function findCertificate(
  app: EntraApp,
  hash: "SHA-1" | "SHA-256",
  thumbprint: string,
): Promise<string | undefined> {
  for (const pem of app.certificates ?? []) {
    const body = /-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----/.exec(pem);
    if (!body) {
      throw new TypeError(`A certificate of app "${app.clientId}" must be a PEM string with a block "CERTIFICATE"`);
    }
    const der = Uint8Array.from(atob(body[1]!.replace(/\s/g, "")), (character) => character.charCodeAt(0));
    if (toHex(await digest(der, hash)) === thumbprint) return body[0];
  }
  return undefined;
}

function checkLifetime({ claims }: Assertion, directory: Directory): void {
  const now = directory.now() / 1000;
  const { nbf = claims.iat, exp } = claims;
  const isValid = exp !== undefined && exp > now - CLOCK_SKEW_IN_S && (nbf ?? 0) < now + CLOCK_SKEW_IN_S;
  if (isValid) return;
  const [from, until] = [nbf, exp].map((time) => time === undefined ? "none" : formatTime(time * 1000));
  throw new ServiceError(700024, { now: formatTime(directory.now()), from, until });
}

function checkReplay({ claims }: Assertion, app: EntraApp, directory: Directory): void {
  if (directory.allowReplay) return;
  const key = JSON.stringify([app.tenantId, app.clientId, claims.jti]);
  if (!claims.jti || directory.usedAssertions.has(key)) {
    throw new ServiceError(50013, {
      reason: claims.jti ? "The assertion was presented before." : "The assertion has no jti.",
    });
  }
  directory.usedAssertions.add(key);
}

/** Whether a claim is absent, or a number of seconds that a `Date` can represent. */
function isTime(value: unknown): boolean {
  return value === undefined || (typeof value === "number" && Math.abs(value) <= 8_640_000_000_000);
}

/** Converts Base64 or Base64url to upper-case hexadecimal digits; returns `""` for anything else. */
function base64ToHex(base64: string): string {
  try {
    const binary = atob(base64.replaceAll("-", "+").replaceAll("_", "/"));
    return toHex(Uint8Array.from(binary, (character) => character.charCodeAt(0)));
  } catch {
    return "";
  }
}

function toHex(bytes: Uint8Array): string {
  return encodeHex(bytes).toUpperCase();
}
