import type { TokenSet } from "../token_cache.ts";

const CAPACITY = 1000;

/** A bounded memory of tokens: what was not used for longest goes first. */
export interface Memory {
  readonly get: (key: string) => TokenSet | undefined;
  readonly set: (key: string, token: TokenSet) => void;
}

/** Makes an empty memory. */
export function createMemory(): Memory {
  const tokens = new Map<string, TokenSet>();
  let newest: string | undefined;

  function get(key: string): TokenSet | undefined {
    const token = tokens.get(key);
    // The newest is at its place already: the hot path of a program with one token moves nothing.
    if (token !== undefined && key !== newest) set(key, token);
    return token;
  }

  function set(key: string, token: TokenSet): void {
    tokens.delete(key);
    tokens.set(key, token);
    newest = key;
    if (tokens.size > CAPACITY) tokens.delete(tokens.keys().next().value!);
  }

  return { get, set };
}
