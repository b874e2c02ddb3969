const INTERNALS = /* @__PURE__ */ Symbol("internals");

/**
 * Stores the functions behind the public methods of a credential. Not in a private member: the methods also work behind
 * a `Proxy`, and on an object that inherits from the credential. Only functions, whose closures no inspection shows.
 */
export function setInternals(credential: object, internals: object): void {
  // Configurable, because a `Proxy` may return a wrapped value.
  Object.defineProperty(credential, INTERNALS, { value: internals, configurable: true });
}

/** Returns what `setInternals` has stored. */
export function internalsOf<T>(credential: object): T {
  return (credential as Record<symbol, T>)[INTERNALS]!;
}
