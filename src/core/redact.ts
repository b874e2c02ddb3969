import { MAX_LENGTH } from "./bound.ts";
import { encodeBase64, encodeHex } from "./encoding.ts";

const REDACTED = "[redacted]";
/** Maximum number of passes that decode escapes, above the number of layers that any server adds. */
const MAX_PASSES = 8;
/**
 * Shorter secrets are searched as whole words only, and not in base64 and hexadecimal digits: within other words they
 * could occur by chance.
 */
const MIN_ENCODED_BYTES = 8;
const LETTER = /[\p{L}\p{N}_]/u;
const ENTITIES: Readonly<Record<string, string>> = { quot: '"', amp: "&", apos: "'", lt: "<", gt: ">" };

/**
 * Redacts the secrets in the text. Redacts the whole text if it still contains a secret in the escapes of JSON, a URL
 * or HTML, or if this cannot be determined because the text is too long or has too many layers of escapes.
 */
export function redact(text: string, secrets: readonly string[]): string {
  const known = secrets.filter((secret) => secret !== "");
  if (known.length === 0) return text;
  // Not truncated: a secret that is cut off at the end would not be recognised.
  if (text.length > MAX_LENGTH) return REDACTED;
  const cleaned = known.reduce(
    (cleaned, secret) => isShort(secret) ? redactWord(cleaned, secret) : cleaned.replaceAll(secret, REDACTED),
    text,
  );
  const words = decode(cleaned);
  if (words === undefined) return REDACTED;
  const plain = words.replaceAll(" ", "");
  const mayHold = (secret: string | undefined) => secret === undefined || secret !== "" && plain.includes(secret);
  // A longer one does not fit into the text.
  const fitting = known.filter((secret) => !isShort(secret) && secret.length <= MAX_LENGTH);
  return fitting.map((secret) => decode(secret)?.replaceAll(" ", "")).some(mayHold) ||
      fitting.flatMap(encodingsOf).some(mayHold) ||
      known.filter(isShort).some((secret) => redactWord(words, decode(secret) ?? secret) !== words)
    ? REDACTED
    : cleaned;
}

function isShort(secret: string): boolean {
  return secret.length < MIN_ENCODED_BYTES;
}

/** Redacts a secret where it is not a part of another word. */
function redactWord(text: string, secret: string): string {
  let redacted = "";
  let rest = 0;
  for (let at = text.indexOf(secret); secret !== "" && at >= 0; at = text.indexOf(secret, Math.max(at + 1, rest))) {
    const end = at + secret.length;
    if (LETTER.test(text[at - 1] ?? "") || LETTER.test(text[end] ?? "")) continue;
    redacted += text.slice(rest, at) + REDACTED;
    rest = end;
  }
  return redacted + text.slice(rest);
}

/** Returns the secret in base64, base64url and hexadecimal digits, as they occur in decoded text. */
function encodingsOf(secret: string): string[] {
  const bytes = new TextEncoder().encode(secret);
  if (bytes.length < MIN_ENCODED_BYTES) return [];
  // For each offset of the secret, modulo 3 bytes: the characters that depend only on the bytes of the secret.
  const base64 = [0, 1, 2].map((shift) => {
    const shifted = new Uint8Array(shift + bytes.length);
    shifted.set(bytes, shift);
    return encodeBase64(shifted).slice(Math.ceil(shift * 8 / 6), Math.floor(shifted.length * 8 / 6));
  });
  const base64Url = base64.map((text) => text.replaceAll("+", "-").replaceAll("/", "_"));
  const hex = encodeHex(bytes);
  return [...base64.map((text) => text.replaceAll("+", "")), ...base64Url, hex, hex.toUpperCase()];
}

/**
 * Decodes the escapes of URLs, HTML and JSON, also if they are nested; `undefined` if there are too many layers. White
 * space becomes single blanks.
 */
function decode(text: string): string | undefined {
  for (let passes = 0, before = ""; before !== text; passes++) {
    if (passes > MAX_PASSES) return undefined;
    before = text;
    text = text.replace(/(%[\da-f]{2})+/gi, decodePercent)
      .replace(/&#x0*([\da-f]{1,5});/gi, (_, digits) => String.fromCodePoint(parseInt(digits, 16)))
      .replace(/&#0*(\d{1,6});/g, (_, digits) => String.fromCodePoint(Number(digits)))
      .replace(/&(quot|amp|apos|lt|gt);/g, (_, name) => ENTITIES[name]!)
      .replace(/\\u([\da-f]{4})/gi, (_, digits) => String.fromCharCode(parseInt(digits, 16)))
      // White space counts as one kind, and a form encodes it as "+".
      // deno-lint-ignore no-control-regex
      .replace(/\\+[nrtbf]?|[+\s\x00-\x1f\x7f-\x9f]+/g, " ");
  }
  return text.replace(/ +/g, " ");
}

/** Decodes escaped bytes. Malformed ones become U+FFFD, so that they do not hide the text around them. */
function decodePercent(bytes: string): string {
  return new TextDecoder().decode(Uint8Array.from(bytes.slice(1).split("%"), (digits) => parseInt(digits, 16)));
}
