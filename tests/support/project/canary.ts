/**
 * Marked secrets, and a search for them in any value.
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
import { SCOPE } from "../service.ts";

/**
 * Returns a secret with a mark at both ends. Between them are its name and characters that formats such as JSON, URLs
 * and HTML encode in different ways.
 */
export function secretOf(name: string): string {
  return `CANARY-${name} +/%~.'"\\ü&<>=;%2B€ CANARY`;
}

/** The secret of tests with a single secret. */
export const SECRET: string = secretOf("7f3a");
/** An assertion, whose three parts are marked. */
export const ASSERTION: string = ["CANARY-header", "CANARY-claims", "CANARY-signature"].map((part) => btoa(part)).join(
  ".",
);
/** An assertion with valid claims. */
export const FEDERATED_TOKEN: string = ['{"kid":"CANARY"}', '{"sub":"CANARY-claims"}', "CANARY-signature"]
  .map((part) => btoa(part).replaceAll("=", "")).join(".");
/** A secret that is valid in a header. */
export const HEADER_SECRET: string = SECRET.replace(/[^\x20-\x7e]/g, "");
/** The secret header of a managed identity's endpoint. */
export const HEADER = "CANARY-header-7f3a";
/** A token, which must not be in an error. */
export const TOKEN = "CANARY-token-7f3a";

/** The outcome of a failing or successful call: every value that a program could print. */
export interface Outcome {
  readonly name: string;
  /** Errors, credentials, log events, cache keys. */
  readonly visible: readonly unknown[];
  /** Values without a mark that must not be found: keys, and signed assertions. */
  readonly secrets: readonly string[];
}

// The search

/** The mark as text, in hexadecimal digits, and in base64 at each of the three offsets. */
const MARKS: readonly string[] = [
  // Only in capitals, because stacks contain the names of these files, such as "canary.ts".
  "CANARY",
  "43414e415259",
  "43414E415259",
  ...[0, 1, 2].map((before) => {
    const text = btoa(`${"\0".repeat(before)}CANARY\0\0`);
    return text.slice(Math.ceil(before * 4 / 3), Math.floor((before + 6) * 4 / 3));
  }),
];

/** The length of the parts by which long secrets are searched for. */
const PIECE = 16;

/** Searches texts for secrets and parts of secrets. Returns the text around the first one, or `undefined`. */
export function findSecret(texts: Iterable<string>, secrets: readonly string[]): string | undefined {
  const runs = secrets.map((secret) => secret.match(/[\w+/-]{16,}/g));
  const pieces = new Set(runs.flatMap((found) => found?.map((line) => line.slice(0, PIECE)) ?? []));
  const words = [...MARKS, ...secrets.filter((_, index) => !runs[index])];
  for (const text of texts) {
    for (const word of words) {
      const at = text.indexOf(word);
      if (at >= 0) return around(text, at);
    }
    // Few texts contain a run of so many characters. Its parts are looked up, which is faster than a search for each
    // part of a secret.
    for (const { 0: run, index } of text.matchAll(/(?<![\w+/-])[\w+/-]{16,}/g)) {
      for (let at = 0; at + PIECE <= run.length; at++) {
        if (pieces.has(run.slice(at, at + PIECE))) return around(text, index + at);
      }
    }
  }
}

function around(text: string, at: number): string {
  return text.slice(Math.max(0, at - 60), at + 60);
}

const PLAIN: readonly object[] = [Object.prototype, Array.prototype, Function.prototype];

/** Returns every text in a value: as a string, as JSON, and of its properties at any depth, enumerable or not. */
export function textsOf(value: unknown): Set<string> {
  const texts = new Set<string>();
  addTexts(value, texts, new Set());
  return texts;
}

function addTexts(value: unknown, texts: Set<string>, seen: Set<unknown>): void {
  if (typeof value === "string") return void texts.add(value);
  try {
    texts.add(String(value)).add(`${value}`);
  } catch {
    // The value is a symbol, or an object without a prototype.
  }
  if (typeof value === "symbol") texts.add(value.toString());
  if ((typeof value !== "object" && typeof value !== "function") || value === null || seen.has(value)) return;
  seen.add(value);
  try {
    texts.add(JSON.stringify(value) ?? "");
  } catch {
    // The value is circular.
  }
  for (let at: object | null = value; at && !PLAIN.includes(at); at = Object.getPrototypeOf(at)) {
    for (const key of Reflect.ownKeys(at)) {
      texts.add(String(key));
      try {
        addTexts(Reflect.get(at, key, value), texts, seen);
      } catch {
        // The property is a getter that throws for this object.
      }
    }
  }
  if (Symbol.iterator in value && !Array.isArray(value)) addTexts([...value as Iterable<unknown>], texts, seen);
}

// Observation

/** Returns the printable result of a call: the token or the error. */
export function resultOf(credential: TokenCredential, options?: GetTokenOptions): Promise<unknown> {
  return credential.getToken(SCOPE, options).then((token) => token?.expiresOnTimestamp, (error) => error);
}

/** Returns options that record log events and cache keys, and the recorded values. */
export function observe(given?: TokenCache): { visible: unknown[]; options: CredentialOptions } {
  const events: LogEvent[] = [];
  const keys: string[] = [];
  const cache = given ?? {
    get(key: string): undefined {
      keys.push(key);
    },
    set(key: string, value: TokenSet): never {
      keys.push(key);
      throw new Error(`Cannot store ${JSON.stringify(value)}`);
    },
    delete() {},
  };
  const retryOptions = { maxRetries: 1, retryDelayInMs: 0 };
  return { visible: [events, keys], options: { retryOptions, cache, log: (event) => events.push(event) } };
}
