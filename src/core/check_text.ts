/** Throws a `TypeError` unless the argument is a non-empty string. */
export function checkText(value: unknown, argument = "value"): asserts value is string {
  if (typeof value !== "string" || value.trim() === "") {
    throw new TypeError(`Argument "${argument}" must be a non-empty string`);
  }
}

/** Throws a `TypeError` unless the argument can be the client id of an app. */
export function checkClientId(value: unknown): asserts value is string {
  checkText(value, "clientId");
  if (/[^!-~]/.test(value)) throw new TypeError('Argument "clientId" must be the client id of an app, without spaces');
}
