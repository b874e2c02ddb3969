const CAPACITY = 1000;

/** A map of at most 1,000 entries, of which the least recently used is evicted first. */
export interface LruCache<T> {
  readonly get: (key: string) => T | undefined;
  readonly set: (key: string, value: T) => void;
  readonly delete: (key: string) => void;
}

/** Creates an empty cache. */
export function createLruCache<T>(): LruCache<T> {
  const values = new Map<string, T>();
  let newest: string | undefined;

  function get(key: string): T | undefined {
    const value = values.get(key);
    // The newest entry is already the last one. This is the common case of a program with one token.
    if (value !== undefined && key !== newest) put(key, value);
    return value;
  }

  function put(key: string, value: T): void {
    values.delete(key);
    values.set(key, value);
    newest = key;
  }

  function set(key: string, value: T): void {
    put(key, value);
    if (values.size > CAPACITY) values.delete(values.keys().next().value!);
  }

  return { get, set, delete: (key) => void values.delete(key) };
}
