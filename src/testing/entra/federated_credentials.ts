import type { JSONWebKeySet, JWTHeaderParameters, JWTPayload } from "jose";
import type { EntraApp, EntraFederatedCredential } from "./entra_options.ts";
import { loadJose } from "./load_jose.ts";
import { ServiceError } from "./service_error.ts";

const DEFAULT_AUDIENCE = "api://AzureADTokenExchange";
const CONDITION = /^claims\['([^']+)'\] (eq|matches) '([^']+)'$/;

/** A federated assertion. */
interface FederatedAssertion {
  readonly jwt: string;
  readonly header: Partial<JWTHeaderParameters>;
  readonly claims: JWTPayload;
}

/**
 * Validates an assertion of another issuer against the federated credentials of the app.
 *
 * @throws {ServiceError} No credential matches, or the signature is not valid.
 */
export async function checkFederation(
  { jwt, header, claims }: FederatedAssertion,
  app: EntraApp,
  fetch: typeof globalThis.fetch | undefined,
): Promise<void> {
  const all = app.federatedCredentials ?? [];
  if (all.length === 0) throw new ServiceError(70025, { app: app.clientId });
  if (!/^[RP]S(256|384|512)$/.test(header.alg ?? "")) throw new ServiceError(5002738, { algorithm: header.alg });
  const byIssuer = all.filter(({ issuer }) => issuer === claims.iss);
  if (byIssuer.length === 0) throw new ServiceError(700211, { issuer: claims.iss });
  const bySubject = byIssuer.filter((credential) => matches(credential, claims));
  if (bySubject.length === 0) {
    const subject = claims.sub;
    const differsByCase = byIssuer.some((credential) => credential.subject?.toLowerCase() === subject?.toLowerCase());
    throw new ServiceError(differsByCase && subject !== undefined ? 7002138 : 700213, { subject });
  }
  const audiences = [claims.aud].flat();
  const credential = bySubject.find(({ audience = DEFAULT_AUDIENCE }) => audiences.includes(audience));
  if (!credential) throw new ServiceError(700212, { audience: audiences.join(" ") });
  const keys = credential.jwks ?? await fetchKeys(credential.issuer, fetch);
  const { compactVerify, createLocalJWKSet } = await loadJose();
  try {
    await compactVerify(jwt, createLocalJWKSet(keys as JSONWebKeySet));
  } catch (error) {
    if ((error as { code?: string }).code === "ERR_JWKS_NO_MATCHING_KEY") {
      throw new ServiceError(7000272, { key: header.kid });
    }
    throw new ServiceError(50013, { reason: "The signature could not be verified." });
  }
}

/** Throws a `TypeError` unless the credential has a subject or a valid expression. */
export function checkFederatedCredential({ subject, expression }: EntraFederatedCredential): void {
  if ((subject === undefined) === (expression === undefined)) {
    throw new TypeError('A federated credential must have exactly one of "subject" and "expression"');
  }
  if (expression?.split(" and ").every((part) => CONDITION.test(part)) === false) {
    throw new TypeError(
      `The expression of a federated credential must be conditions such as "claims['sub'] matches 'repo:contoso/*'", ` +
        'joined by " and "',
    );
  }
}

function matches({ subject, expression }: EntraFederatedCredential, claims: JWTPayload): boolean {
  if (expression === undefined) return subject === claims.sub;
  return expression.split(" and ").every((part) => {
    const [, name, operator, value] = CONDITION.exec(part)!;
    const claim = String(claims[name!] ?? "");
    return operator === "eq" ? claim === value : matchesPattern(claim, value!);
  });
}

/** Whether the text matches a pattern with `*` for any characters and `?` for one. */
function matchesPattern(text: string, pattern: string): boolean {
  // The lengths of the prefixes of the text that match the characters of the pattern so far.
  let lengths = new Set([0]);
  for (const character of pattern) {
    if (character === "*") {
      const shortest = Math.min(...lengths);
      lengths = new Set(Array.from({ length: text.length - shortest + 1 }, (_, more) => shortest + more));
    } else {
      const next = [...lengths].filter((at) => at < text.length && (character === "?" || text[at] === character));
      if (next.length === 0) return false;
      lengths = new Set(next.map((at) => at + 1));
    }
  }
  return lengths.has(text.length);
}

async function fetchKeys(issuer: string, fetch: typeof globalThis.fetch | undefined): Promise<object> {
  try {
    const read = async (url: string) => await (await fetch!(url)).json();
    const { issuer: declared, jwks_uri } = await read(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`);
    if (declared !== issuer) throw new Error("The issuer differs");
    return await read(jwks_uri);
  } catch {
    throw new ServiceError(501661, { issuer });
  }
}
