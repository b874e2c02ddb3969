/**
 * The part of `node:assert/strict` that the tests use, for runtimes without it.
 *
 * @module
 */

/** The error of a failed assertion. */
export class AssertionError extends Error {
  override name = "AssertionError";
  readonly code = "ERR_ASSERTION";
  readonly actual: unknown;
  readonly expected: unknown;
  readonly operator: string;

  constructor(options: { message?: string; actual?: unknown; expected?: unknown; operator?: string }) {
    const { message, actual, expected, operator = "fail" } = options;
    super(message ?? `${operator}: ${show(actual)} and ${show(expected)}`);
    this.actual = actual;
    this.expected = expected;
    this.operator = operator;
  }
}

type Message = string | Error | undefined;
// deno-lint-ignore no-explicit-any -- as in Node's types: any function or class
type Expected = RegExp | object | ((...args: any[]) => unknown);

export function ok(value: unknown, message?: Message): asserts value {
  check(Boolean(value), "ok", value, true, message);
}

export function equal<T>(actual: unknown, expected: T, message?: Message): asserts actual is T {
  check(Object.is(actual, expected), "strictEqual", actual, expected, message);
}

export function notEqual(actual: unknown, expected: unknown, message?: Message): void {
  check(!Object.is(actual, expected), "notStrictEqual", actual, expected, message);
}

export function deepEqual<T>(actual: unknown, expected: T, message?: Message): asserts actual is T {
  check(isDeepEqual(actual, expected), "deepStrictEqual", actual, expected, message);
}

export function notDeepEqual(actual: unknown, expected: unknown, message?: Message): void {
  check(!isDeepEqual(actual, expected), "notDeepStrictEqual", actual, expected, message);
}

export function match(text: string, pattern: RegExp, message?: Message): void {
  check(typeof text === "string" && pattern.test(text), "match", text, pattern, message);
}

export function doesNotMatch(text: string, pattern: RegExp, message?: Message): void {
  check(typeof text === "string" && !pattern.test(text), "doesNotMatch", text, pattern, message);
}

export function fail(message: Message = "Failed"): never {
  throw message instanceof Error ? message : new AssertionError({ message });
}

export function ifError(value: unknown): asserts value is null | undefined {
  check(value === null || value === undefined, "ifError", value, undefined, undefined);
}

export function throws(body: () => unknown, expected?: Expected | string, message?: Message): void {
  try {
    body();
  } catch (error) {
    return checkError(error, expected, message);
  }
  missing("throws", expected, message);
}

export function doesNotThrow(body: () => unknown): void {
  body();
}

export async function rejects(
  body: Promise<unknown> | (() => Promise<unknown>),
  expected?: Expected | string,
  message?: Message,
): Promise<void> {
  const promise = typeof body === "function" ? body() : body;
  if (typeof promise?.then !== "function") throw new TypeError("Cannot wait for a rejection: no promise was returned");
  try {
    await promise;
  } catch (error) {
    return checkError(error, expected, message);
  }
  missing("rejects", expected, message);
}

export async function doesNotReject(body: Promise<unknown> | (() => Promise<unknown>)): Promise<void> {
  await (typeof body === "function" ? body() : body);
}

function check(good: boolean, operator: string, actual: unknown, expected: unknown, message: Message): void {
  if (good) return;
  if (message instanceof Error) throw message;
  throw new AssertionError({ operator, actual, expected, ...message !== undefined && { message } });
}

function missing(operator: string, expected: unknown, message: Message): never {
  const text = typeof expected === "string" ? expected : message;
  if (text instanceof Error) throw text;
  throw new AssertionError({ operator, expected, message: `Missing expected error${text ? `: ${text}` : ""}` });
}

function checkError(error: unknown, expected: Expected | string | undefined, message: Message): void {
  if (expected === undefined || typeof expected === "string") return;
  if (expected instanceof RegExp) return check(expected.test(String(error)), "match", String(error), expected, message);
  if (typeof expected !== "function") return checkMembers(error, expected, message);
  if (expected.prototype !== undefined && error instanceof expected) return;
  if (Object.prototype.isPrototypeOf.call(Error, expected)) throw error;
  check(expected(error) === true, "The validation function did not return true", error, expected, message);
}

function checkMembers(error: unknown, expected: object, message: Message): void {
  const members = expected instanceof Error ? ["name", "message", ...Object.keys(expected)] : Object.keys(expected);
  if (members.length === 0) throw new TypeError("Cannot compare with an object without members");
  for (const member of members) {
    const wanted = Reflect.get(expected, member);
    const actual = Object(error)[member];
    const good = wanted instanceof RegExp && typeof actual === "string"
      ? wanted.test(actual)
      : member in Object(error) && isDeepEqual(actual, wanted);
    check(good, `The error's "${member}"`, actual, wanted, message);
  }
}

/**
 * Compares prototypes, symbols and the contents of collections too. `seen` holds the pairs that are being compared, so
 * that cycles end.
 */
function isDeepEqual(a: unknown, b: unknown, seen: Map<object, object> = new Map()): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (!hasEqualPrototype(a, b) || tag(a) !== tag(b)) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  if (seen.get(a) === b) return true;
  seen.set(a, b);
  const same = hasEqualContent(a, b, seen) && hasEqualMembers(a, b, seen);
  seen.delete(a);
  return same;
}

/**
 * Whether the prototypes are the same or copies of one built-in class. The edge VM has two copies of each:
 * `response.json()` returns objects of the other realm.
 */
function hasEqualPrototype(a: object, b: object): boolean {
  const [left, right] = [Object.getPrototypeOf(a), Object.getPrototypeOf(b)];
  if (left === right) return true;
  const source = left?.constructor && Function.prototype.toString.call(left.constructor);
  return /\[native code\]/.test(source) &&
    source === Function.prototype.toString.call(right?.constructor ?? (() => {}));
}

function hasEqualContent(a: object, b: object, seen: Map<object, object>): boolean {
  if (a instanceof Date || a instanceof Number || a instanceof String || a instanceof Boolean) {
    return Object.is(a.valueOf(), b.valueOf());
  }
  if (a instanceof RegExp) return String(a) === String(b) && a.lastIndex === (b as RegExp).lastIndex;
  if (a instanceof Error) {
    return ["name", "message", "cause", "errors"].every((member) => {
      return isDeepEqual(Reflect.get(a, member), Reflect.get(b, member), seen);
    });
  }
  if (a instanceof ArrayBuffer) return isDeepEqual(new Uint8Array(a), new Uint8Array(b as ArrayBuffer), seen);
  if (a instanceof DataView) return isDeepEqual(bytesOf(a), bytesOf(b as DataView), seen);
  if (Array.isArray(a)) return a.length === (b as unknown[]).length;
  if (a instanceof Set) return haveEqualElements([...a], [...b as Set<unknown>], seen);
  if (a instanceof Map) return haveEqualElements([...a], [...b as Map<unknown, unknown>], seen);
  return true;
}

function hasEqualMembers(a: object, b: object, seen: Map<object, object>): boolean {
  const members = membersOf(a);
  if (members.length !== membersOf(b).length) return false;
  return members.every((key) => {
    return Object.prototype.propertyIsEnumerable.call(b, key) &&
      isDeepEqual(Reflect.get(a, key), Reflect.get(b, key), seen);
  });
}

/** Compares two arrays regardless of their order. */
function haveEqualElements(a: unknown[], b: unknown[], seen: Map<object, object>): boolean {
  if (a.length !== b.length) return false;
  const unmatched = [...b];
  return a.every((value) => {
    const index = unmatched.findIndex((other) => isDeepEqual(value, other, seen));
    if (index >= 0) unmatched.splice(index, 1);
    return index >= 0;
  });
}

function membersOf(value: object): (string | symbol)[] {
  return Reflect.ownKeys(value).filter((key) => Object.prototype.propertyIsEnumerable.call(value, key));
}

function bytesOf(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

function tag(value: object): string {
  return Object.prototype.toString.call(value);
}

function show(value: unknown): string {
  if (typeof value === "function" || value instanceof RegExp || value instanceof Error) return String(value);
  if (value instanceof Map || value instanceof Set) return `${value.constructor.name} ${show([...value])}`;
  if (typeof value === "bigint" || typeof value === "symbol") return String(value);
  try {
    return JSON.stringify(value, (_, member) => typeof member === "bigint" ? `${member}n` : member) ?? String(value);
  } catch {
    return String(value); // The value is circular.
  }
}

/** Callable like `ok`, with all assertions as members. Its type lacks them, because the tests use Node's types. */
const assert: typeof ok & object = Object.assign(ok.bind(null), {
  AssertionError,
  ok,
  equal,
  strictEqual: equal,
  notEqual,
  notStrictEqual: notEqual,
  deepEqual,
  deepStrictEqual: deepEqual,
  notDeepEqual,
  notDeepStrictEqual: notDeepEqual,
  match,
  doesNotMatch,
  fail,
  ifError,
  throws,
  doesNotThrow,
  rejects,
  doesNotReject,
});
export default assert;
