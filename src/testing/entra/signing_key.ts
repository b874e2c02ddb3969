import type { JWK, JWTPayload } from "jose";
import { loadJose } from "./load_jose.ts";

interface SigningKey {
  readonly id: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  readonly jwk: JWK;
}

const GENERATION_TIMEOUT_IN_MS = 5_000;

// Generated on first use, once for the process, because generation is slow.
let key: SigningKey | undefined;
let generation: Promise<void> | undefined;

async function signingKey(): Promise<SigningKey> {
  while (!key) {
    // On workerd a promise never settles after the request that created it has ended, so the wait for another caller's
    // key is bounded.
    const last = generation;
    if (last) await settledOrTimedOut(last);
    if (!key && generation === last) await (generation = generateKey());
  }
  return key;
}

async function generateKey(): Promise<void> {
  const { calculateJwkThumbprint, exportJWK, generateKeyPair } = await loadJose();
  const { privateKey, publicKey } = await generateKeyPair("RS256");
  const { kty, n, e } = await exportJWK(publicKey);
  const id = await calculateJwkThumbprint({ kty, n, e } as JWK);
  key ??= { id, privateKey, publicKey, jwk: { kty, use: "sig", kid: id, alg: "RS256", n, e } as JWK };
}

function settledOrTimedOut(promise: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, GENERATION_TIMEOUT_IN_MS);
    promise.catch(() => {}).then(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** Signs the claims as a JWT (RFC 7519) with RS256. */
export async function sign(claims: JWTPayload): Promise<string> {
  const { SignJWT } = await loadJose();
  const { id, privateKey } = await signingKey();
  return await new SignJWT(claims).setProtectedHeader({ typ: "JWT", alg: "RS256", kid: id }).sign(privateKey);
}

/**
 * Verifies the signature and the expiry of a token that {@linkcode sign} has signed, and returns its claims.
 *
 * @param now The time, in milliseconds since the epoch.
 */
export async function verify(token: string, now: number): Promise<JWTPayload> {
  const { jwtVerify } = await loadJose();
  const { publicKey } = await signingKey();
  const { payload } = await jwtVerify(token, publicKey, { algorithms: ["RS256"], currentDate: new Date(now) });
  return payload;
}

/** Returns the public key as a JWK Set (RFC 7517). */
export async function publicKeys(): Promise<{ keys: JWK[] }> {
  return { keys: [(await signingKey()).jwk] };
}
