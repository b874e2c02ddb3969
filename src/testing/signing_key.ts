import {
  calculateJwkThumbprint,
  exportJWK,
  generateKeyPair,
  type JWK,
  type JWTPayload,
  jwtVerify,
  SignJWT,
} from "jose";

interface SigningKey {
  readonly id: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  readonly jwk: JWK;
}

// Made when it is first needed and once for the process, since making one is slow. The value is shared and not its promise: on workerd a
// promise dies with the request that made it.
let shared: SigningKey | undefined;

async function signingKey(): Promise<SigningKey> {
  if (shared) return shared;
  const { privateKey, publicKey } = await generateKeyPair("RS256");
  const { kty, n, e } = await exportJWK(publicKey);
  const id = await calculateJwkThumbprint({ kty, n, e } as JWK);
  return shared ??= { id, privateKey, publicKey, jwk: { kty, use: "sig", kid: id, alg: "RS256", n, e } as JWK };
}

/** Signs the claims as a JWT (RFC 7519) with RS256. */
export async function sign(claims: JWTPayload): Promise<string> {
  const { id, privateKey } = await signingKey();
  return await new SignJWT(claims).setProtectedHeader({ typ: "JWT", alg: "RS256", kid: id }).sign(privateKey);
}

/** Returns the claims of a token that was signed here and has not ended. */
export async function verify(token: string, now: number): Promise<JWTPayload> {
  const { publicKey } = await signingKey();
  const { payload } = await jwtVerify(token, publicKey, { algorithms: ["RS256"], currentDate: new Date(now) });
  return payload;
}

/** Returns the public key as a JWK Set (RFC 7517). */
export async function publishedKeys(): Promise<{ keys: JWK[] }> {
  return { keys: [(await signingKey()).jwk] };
}
