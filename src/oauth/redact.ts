/** The form fields whose values no message may repeat, even where the service does. */
const SECRET_FIELDS = ["client_secret", "client_assertion", "password", "assertion", "code", "refresh_token"];

/**
 * Returns the text without the values of the form's secret fields: each as a whole, and its longer runs of what needs no escape, which are
 * the same however JSON, a URL or a web page has written what stands between them.
 */
export function redact(text: string, form: URLSearchParams): string {
  const secrets = SECRET_FIELDS.flatMap((field) => form.get(field) || []);
  const parts = secrets.flatMap((secret) => [secret, ...secret.match(/[\w.-]{8,}/g) ?? []]);
  return parts.reduce((cleaned, part) => cleaned.replaceAll(part, "[redacted]"), text);
}
