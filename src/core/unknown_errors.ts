/**
 * Returns the message of a thrown value, which may be of another package, or no error at all. Returns `""` where it has none. Its length is not
 * bounded.
 */
export function messageOf(error: unknown): string {
  const { message } = Object(error) as { message?: unknown };
  if (typeof message === "string") return message;
  return typeof error === "string" ? error : "";
}
