const ENTITIES: Readonly<Record<string, string>> = { quot: '"', amp: "&", apos: "'", lt: "<", gt: ">" };

/**
 * Returns the text without the secrets. Where one still stands there as JSON, a URL or a web page would write it, nothing of the text is
 * left.
 */
export function redact(text: string, secrets: readonly string[]): string {
  const cleaned = secrets.reduce((cleaned, secret) => cleaned.replaceAll(secret, "[redacted]"), text);
  const plain = decode(cleaned);
  const holds = (secret: string) => secret !== "" && plain.includes(secret);
  return secrets.map(decode).some(holds) ? "[redacted]" : cleaned;
}

/** Takes back the escapes of URLs, web pages and JSON, also where they were put on twice. */
function decode(text: string): string {
  for (let before = ""; before !== text;) {
    before = text;
    text = text.replace(/(%[\da-f]{2})+/gi, decodePercent)
      .replace(/&#x0*([\da-f]{1,5});/gi, (_, digits) => String.fromCodePoint(parseInt(digits, 16)))
      .replace(/&#0*(\d{1,6});/g, (_, digits) => String.fromCodePoint(Number(digits)))
      .replace(/&(quot|amp|apos|lt|gt);/g, (_, name) => ENTITIES[name]!)
      .replace(/\\u([\da-f]{4})/gi, (_, digits) => String.fromCharCode(parseInt(digits, 16)))
      // Line ends and the like come through as spaces, and a form writes those as "+".
      // deno-lint-ignore no-control-regex
      .replace(/\\+[nrtbf]?|[+\s\x00-\x1f\x7f-\x9f]+/g, " ");
  }
  return text.replace(/ +/g, "");
}

function decodePercent(bytes: string): string {
  try {
    return decodeURIComponent(bytes);
  } catch {
    return "";
  }
}
