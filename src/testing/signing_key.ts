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

const PATIENCE_IN_MS = 5_000;

// Made when it is first needed and once for the process, since making one is slow.
let key: SigningKey | undefined;
let making: Promise<void> | undefined;

async function signingKey(): Promise<SigningKey> {
  while (!key) {
    // On workerd a promise dies with the request that made it: who has waited too long for another's makes one of its own.
    const last = making;
    if (last) await settledOrLate(last);
    if (!key && making === last) await (making = makeKey());
  }
  return key;
}

async function makeKey(): Promise<void> {
  const { privateKey, publicKey } = await generateKeyPair("RS256");
  const { kty, n, e } = await exportJWK(publicKey);
  const id = await calculateJwkThumbprint({ kty, n, e } as JWK);
  key ??= { id, privateKey, publicKey, jwk: { kty, use: "sig", kid: id, alg: "RS256", n, e } as JWK };
}

function settledOrLate(promise: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, PATIENCE_IN_MS);
    promise.catch(() => {}).then(() => {
      clearTimeout(timer);
      resolve();
    });
  });
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
