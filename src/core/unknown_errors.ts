/**
 * Returns a member of a thrown value; `undefined` if it cannot be read, such as that of an object of a closed window.
 */
export function memberOf(error: unknown, name: string): unknown {
  try {
    return (Object(error) as Readonly<Record<string, unknown>>)[name];
  } catch {
    return undefined;
  }
}

/**
 * Returns the message of a thrown value, which need not be an `Error`; `""` if it has none. Its length is not bounded.
 */
export function messageOf(error: unknown): string {
  const message = memberOf(error, "message");
  if (typeof message === "string") return message;
  return typeof error === "string" ? error : "";
}

/** Maximum number of errors that are read, because causes may be circular. */
const MAX_ERRORS = 3;

/**
 * Returns the messages and codes of a thrown object and its causes; `""` if there are none. Does not use `instanceof`,
 * because test runners have several realms. Its length is not bounded.
 */
export function messagesOf(error: unknown): string {
  const messages: string[] = [];
  let at = error;
  for (let count = 0; typeof at === "object" && at !== null && count < MAX_ERRORS; count++) {
    const code = memberOf(at, "code");
    const message = messageOf(at);
    // Node has the code alone where several addresses of a host were tried.
    const reason = typeof code === "string" && !message.includes(code) ? `${message} (${code})`.trimStart() : message;
    // Many errors repeat the message of their cause.
    if (!messages.some((message) => message.includes(reason))) messages.push(reason);
    at = memberOf(at, "cause");
  }
  return messages.filter(Boolean).join(": ");
}
