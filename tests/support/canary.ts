/**
 * Marked secrets, and a search that finds them again in whatever they were written into.
 *
 * @module
 */
import type {
  CredentialOptions,
  GetTokenOptions,
  LogEvent,
  TokenCache,
  TokenCredential,
  TokenSet,
} from "@azweb/identity";
import { SCOPE } from "./service.ts";

/** Returns a secret that stands out: a mark at both ends, between them its name and characters that are written in many ways. */
export function secretOf(name: string): string {
  return `CANARY-${name} +/%~.'"\\ü&<>=;%2B€ CANARY`;
}

/** The one that stands alone. */
export const SECRET: string = secretOf("7f3a");
/** An assertion, whose three parts are marked. */
export const ASSERTION: string = ["CANARY-header", "CANARY-claims", "CANARY-signature"].map((part) => btoa(part)).join(
  ".",
);
/** The same, with claims that can be read. */
export const FEDERATED_TOKEN: string = ['{"kid":"CANARY"}', '{"sub":"CANARY-claims"}', "CANARY-signature"]
  .map((part) => btoa(part).replaceAll("=", "")).join(".");
/** A secret that a header can hold. */
export const HEADER_SECRET: string = SECRET.replace(/[^\x20-\x7e]/g, "");
/** What a managed identity's endpoint wants to see in a header. */
export const HEADER = "CANARY-header-7f3a";
/** A token that nobody may see in an error. */
export const TOKEN = "CANARY-token-7f3a";

/** What becomes of one failure, or of one success: everything that somebody could print. */
export interface Outcome {
  readonly name: string;
  /** Errors, credentials, log events, cache keys. */
  readonly visible: readonly unknown[];
  /** Besides the mark, what must not be found: keys, and the assertions that were made. */
  readonly secrets: readonly string[];
}

// The search

/** The mark as base64 writes it, wherever it begins. */
const MARKS: readonly RegExp[] = [
  // In capitals: stacks name the files of these tests.
  /CANARY/,
  /43414e415259/i,
  ...[0, 1, 2].map((before) => {
    const text = btoa(`${"\0".repeat(before)}CANARY\0\0`);
    return new RegExp(text.slice(Math.ceil(before * 4 / 3), Math.floor((before + 6) * 4 / 3)));
  }),
];

/** Returns where in the texts a secret stands, or part of one; `undefined` where there is none. */
export function findSecret(texts: Iterable<string>, secrets: readonly string[]): string | undefined {
  const pieces = secrets.flatMap((secret) =>
    secret.match(/[\w+/-]{16,}/g)?.map((line) => line.slice(0, 16)) ?? [secret]
  );
  for (const text of texts) {
    for (const mark of MARKS) {
      const at = text.search(mark);
      if (at >= 0) return text.slice(Math.max(0, at - 60), at + 60);
    }
    for (const piece of pieces) {
      const at = text.indexOf(piece);
      if (at >= 0) return text.slice(Math.max(0, at - 60), at + 60);
    }
  }
}

const PLAIN: readonly object[] = [Object.prototype, Array.prototype, Function.prototype];

/** Returns every text that can be got out of a value: as a string, as JSON, and of all that hangs on it, enumerable or not. */
export function textsOf(value: unknown, seen: Set<unknown> = new Set()): string[] {
  const texts: string[] = [];
  try {
    texts.push(String(value), `${value}`);
  } catch {
    // A symbol, or an object without a prototype.
  }
  if (typeof value === "symbol") texts.push(value.toString());
  if ((typeof value !== "object" && typeof value !== "function") || value === null || seen.has(value)) return texts;
  seen.add(value);
  try {
    texts.push(JSON.stringify(value) ?? "");
  } catch {
    // Circular.
  }
  for (let at: object | null = value; at && !PLAIN.includes(at); at = Object.getPrototypeOf(at)) {
    for (const key of Reflect.ownKeys(at)) {
      texts.push(String(key));
      try {
        texts.push(...textsOf(Reflect.get(at, key, value), seen));
      } catch {
        // A getter that is not for everybody.
      }
    }
  }
  if (Symbol.iterator in value && !Array.isArray(value)) texts.push(...textsOf([...value as Iterable<unknown>], seen));
  return texts;
}

// Who watches

/** Returns what somebody could print of a call. */
export function resultOf(credential: TokenCredential, options?: GetTokenOptions): Promise<unknown> {
  return credential.getToken(SCOPE, options).then((token) => token?.expiresOnTimestamp, (error) => error);
}

/** Options that hear of everything, and what they have heard. */
export function observe(given?: TokenCache): { visible: unknown[]; options: CredentialOptions } {
  const events: LogEvent[] = [];
  const keys: string[] = [];
  const cache = given ?? {
    get(key: string): undefined {
      keys.push(key);
    },
    set(key: string, value: TokenSet): never {
      keys.push(key);
      throw new Error(`Cannot keep ${JSON.stringify(value)}`);
    },
    delete() {},
  };
  const retryOptions = { maxRetries: 1, retryDelayInMs: 0 };
  return { visible: [events, keys], options: { retryOptions, cache, log: (event) => events.push(event) } };
}
