/** The form fields whose values no message may repeat, even where the service does. */
const SECRET_FIELDS = ["client_secret", "client_assertion", "password", "assertion", "code", "refresh_token"];

/**
 * Returns the text without the values of the form's secret fields. Where one still stands there as JSON, a URL or a web page would write
 * it, nothing of the text is left.
 */
export function redact(text: string, form: URLSearchParams): string {
  const secrets = SECRET_FIELDS.flatMap((field) => form.get(field) || []);
  const cleaned = secrets.reduce((cleaned, secret) => cleaned.replaceAll(secret, "[redacted]"), text);
  const held = bare(withoutEscapes(cleaned));
  const holds = (secret: string) => held.includes(bare(secret)) || held.includes(bare(withoutEscapes(secret)));
  return secrets.some((secret) => bare(secret) !== secret && holds(secret)) ? "[redacted]" : cleaned;
}

/** Leaves what nobody escapes. */
function bare(text: string): string {
  return text.replace(/[^\w.-]/g, "");
}

/** Leaves out what others put in place of a character, also where it was escaped twice. */
function withoutEscapes(text: string): string {
  return text.replace(/%(25)*[\da-f]{2}|&(amp;)*#?\w+;|\\+(u[\da-f]{4}|[nrtbf])/gi, "");
}
