import { decodeBase64Url } from "./decoding.ts";
import { parseObject } from "./json.ts";

/** Maximum length of a JWT, in characters. */
export const MAX_JWT_LENGTH = 65_536;

/** The clock skew that Microsoft Entra tolerates when it validates a JWT, in milliseconds. */
export const CLOCK_SKEW_IN_MS = 300_000;

const JWT = /^([\w-]+)\.([\w-]+)\.[\w-]+$/;

/** The content of a JWT (RFC 7519). A part is `undefined` if it is not a JSON object. Nothing is verified. */
export interface DecodedJwt {
  readonly header: Readonly<Record<string, unknown>> | undefined;
  readonly claims: Readonly<Record<string, unknown>> | undefined;
}

/** Decodes a JWT; returns `undefined` unless it has three non-empty parts, and at most {@linkcode MAX_JWT_LENGTH}. */
export function decodeJwt(jwt: string): DecodedJwt | undefined {
  const parts = jwt.length > MAX_JWT_LENGTH ? null : JWT.exec(jwt);
  return parts ? { header: decode(parts[1]!), claims: decode(parts[2]!) } : undefined;
}

function decode(part: string): Record<string, unknown> | undefined {
  return parseObject(new TextDecoder().decode(decodeBase64Url(part)));
}
