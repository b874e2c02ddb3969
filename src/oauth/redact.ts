/** The form fields whose values no message may repeat, even where the service does. */
const SECRET_FIELDS = ["client_secret", "client_assertion", "password", "assertion", "code", "refresh_token"];

/** The names that HTML has for characters. */
const ENTITIES: Readonly<Record<string, string>> = { '"': "quot", "&": "amp", "'": "apos", "<": "lt", ">": "gt" };

/** Returns the text without the values of the form's secret fields, as whatever JSON, a URL or a web page has written them. */
export function redact(text: string, form: URLSearchParams): string {
  const secrets = SECRET_FIELDS.flatMap((field) => form.get(field) || []);
  if (secrets.length === 0) return text;
  const patterns = secrets.map((secret) => secret.match(/\\+|[^]/gu)!.map(spellingsOf).join(""));
  return text.replace(new RegExp(patterns.join("|"), "gi"), "[redacted]");
}

/** Returns a pattern for a character as it is, and as it is written where it needs an escape, or was escaped twice. */
function spellingsOf(character: string): string {
  if (/^[\w-]$/.test(character)) return character;
  if (character.startsWith("\\")) return "(?:\\\\|%(?:25)*5c|&#0*92;|&#x0*5c;)+";
  const code = character.codePointAt(0)!;
  const units = character.split("").map((unit) => unit.charCodeAt(0).toString(16).padStart(4, "0"));
  const bytes = Array.from(new TextEncoder().encode(character), (byte) => byte.toString(16).padStart(2, "0"));
  return `(?:${
    [
      `\\\\{0,3}${units.map((unit) => `\\u${unit}`).join("")}`,
      units.map((unit) => `\\\\+u${unit}`).join(""),
      bytes.map((byte) => `%(?:25)*${byte}`).join(""),
      `&(?:amp;)*(?:#0*${code}|#x0*${code.toString(16)}|${ENTITIES[character] ?? "#"});`,
      ...code < 32 ? ["\\\\+[nrtbf]"] : [],
      ...character === " " ? ["\\+"] : [],
    ].join("|")
  })`;
}
