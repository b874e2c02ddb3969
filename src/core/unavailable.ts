import type { AggregateAuthenticationError, CredentialUnavailableError, UnavailableOutcome } from "../errors.ts";

const DEFAULT_RECHECK_IN_MS = 60_000;
const MAX_DEPTH = 10;

/** What a chain may conclude from a credential that returned no token, and for how long. */
export interface Unavailable {
  readonly outcome: UnavailableOutcome;
  /** How long an inconclusive outcome holds, in ms. */
  readonly recheckAfterInMs: number;
}

/** Returned no token, or threw an error that does not say what it means. */
export const INCONCLUSIVE: Unavailable = { outcome: "inconclusive", recheckAfterInMs: DEFAULT_RECHECK_IN_MS };

/**
 * Returns what a chain may conclude from an error; `undefined` for one that ends the chain. Decides by `name`: the error may be of another
 * package, or of another copy of this one.
 */
export function unavailableOf(error: unknown, depth = 0): Unavailable | undefined {
  switch ((error as { name?: unknown } | null | undefined)?.name) {
    case "CredentialUnavailableError": {
      const { outcome = INCONCLUSIVE.outcome, recheckAfterInMs = DEFAULT_RECHECK_IN_MS } =
        error as CredentialUnavailableError;
      return { outcome, recheckAfterInMs };
    }
    case "AuthenticationRequiredError":
      return INCONCLUSIVE;
    case "AggregateAuthenticationError": {
      const { errors } = error as AggregateAuthenticationError;
      if (!Array.isArray(errors) || errors.length === 0 || depth > MAX_DEPTH) return INCONCLUSIVE;
      return mergeUnavailable(errors.map((cause) => unavailableOf(cause, depth + 1) ?? INCONCLUSIVE));
    }
  }
  return undefined;
}

/** Returns what follows from several credentials: the outcome that allows least, and the shortest time that one of them holds. */
export function mergeUnavailable(all: readonly Unavailable[]): Unavailable {
  const recheckAfterInMs = Math.min(
    ...all.map((one) => one.outcome === "inconclusive" ? one.recheckAfterInMs : Infinity),
  );
  for (const outcome of ["not-for-this-call", "inconclusive"] as const) {
    if (all.some((one) => one.outcome === outcome)) return { outcome, recheckAfterInMs };
  }
  return { outcome: "absent", recheckAfterInMs };
}
