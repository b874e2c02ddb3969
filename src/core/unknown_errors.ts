/**
 * Returns the message of a thrown value, which need not be an `Error`; `""` if it has none. Its length is not bounded.
 */
export function messageOf(error: unknown): string {
  const { message } = Object(error) as { message?: unknown };
  if (typeof message === "string") return message;
  return typeof error === "string" ? error : "";
}
