const INTERNALS = /* @__PURE__ */ Symbol("internals");

/**
 * Stores the functions that implement the public methods of a credential. They are not private members, because the
 * methods must also work behind a `Proxy` and on an object that inherits from the credential. Everything else is in
 * their closures, which inspection does not show.
 */
export function setInternals(credential: object, internals: object): void {
  // Configurable, because a `Proxy` may return a wrapped value.
  Object.defineProperty(credential, INTERNALS, { value: internals, configurable: true });
}

/** Returns what `setInternals` has stored. */
export function internalsOf<T>(credential: object): T {
  return (credential as Record<symbol, T>)[INTERNALS]!;
}
