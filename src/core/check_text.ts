/** Throws a `TypeError` unless the argument is a text that is not empty. */
export function checkText(value: unknown, argument = "value"): asserts value is string {
  if (typeof value !== "string" || value.trim() === "") {
    throw new TypeError(`Argument "${argument}" must be a text that is not empty`);
  }
}

/** Throws a `TypeError` unless the argument can be an app's client id. */
export function checkClientId(value: unknown): asserts value is string {
  checkText(value, "clientId");
  if (/[^!-~]/.test(value)) throw new TypeError('Argument "clientId" must be the client id of an app, without spaces');
}
