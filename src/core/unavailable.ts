import {
  type AggregateAuthenticationError,
  AggregateAuthenticationErrorName,
  AuthenticationError,
  AuthenticationErrorName,
  AuthenticationRequiredErrorName,
  type CredentialUnavailableError,
  CredentialUnavailableErrorName,
  type UnavailableOutcome,
} from "../errors.ts";
import { memberOf } from "./unknown_errors.ts";

const DEFAULT_RECHECK_IN_MS = 60_000;
/** Maximum number of errors that are judged: an aggregate may hold aggregates, or itself. */
const MAX_ERRORS = 100;
const OUTCOMES: readonly unknown[] = ["absent", "inconclusive", "not-for-this-call"] satisfies UnavailableOutcome[];
const NAMES: readonly unknown[] = [
  CredentialUnavailableErrorName,
  AuthenticationRequiredErrorName,
  AggregateAuthenticationErrorName,
];

/** Conclusion of a chain from a credential that returned no token. */
export interface Unavailable {
  readonly outcome: UnavailableOutcome;
  /** How long an inconclusive outcome holds, in ms. */
  readonly recheckAfterInMs: number;
}

/** Conclusion from an error without an outcome. */
const INCONCLUSIVE: Unavailable = { outcome: "inconclusive", recheckAfterInMs: DEFAULT_RECHECK_IN_MS };

/**
 * Whether a chain continues after the error. Decides by `name`, because the error may be of another package, or of
 * another copy of this one.
 */
export function isUnavailable(error: unknown): boolean {
  return NAMES.includes(nameOf(error));
}

/** Whether the error is that of a credential, whose message explains it. */
export function isCredentialError(error: unknown): boolean {
  // The name comes first, because `instanceof` throws for an object that cannot be read.
  return isUnavailable(error) || nameOf(error) === AuthenticationErrorName && error instanceof AuthenticationError;
}

/**
 * Returns the conclusion of a chain from an error; `undefined` for an error that ends the chain. An unknown outcome is
 * inconclusive.
 */
export function unavailableOf(error: unknown): Unavailable | undefined {
  switch (nameOf(error)) {
    case CredentialUnavailableErrorName:
      return judge(error as CredentialUnavailableError);
    case AggregateAuthenticationErrorName:
      return mergeUnavailable(causesOf(error as AggregateAuthenticationError));
  }
  // Only an error that says that its credential is unavailable has an outcome.
  return isUnavailable(error) ? INCONCLUSIVE : undefined;
}

/**
 * Returns the conclusion from several credentials: the strictest outcome, and the shortest time for which one of them
 * holds.
 */
export function mergeUnavailable(all: readonly Unavailable[]): Unavailable {
  let recheckAfterInMs = Infinity;
  for (const one of all) {
    if (one.outcome === "inconclusive") recheckAfterInMs = Math.min(recheckAfterInMs, one.recheckAfterInMs);
  }
  if (all.some(({ outcome }) => outcome === "not-for-this-call")) {
    return { outcome: "not-for-this-call", recheckAfterInMs };
  }
  if (all.every(({ outcome }) => outcome === "absent")) return { outcome: "absent", recheckAfterInMs };
  return { outcome: "inconclusive", recheckAfterInMs };
}

function judge({ outcome, recheckAfterInMs = NaN }: CredentialUnavailableError): Unavailable {
  return {
    outcome: OUTCOMES.includes(outcome) ? outcome! : INCONCLUSIVE.outcome,
    // A comparison with NaN is false, so that the default is used.
    recheckAfterInMs: typeof recheckAfterInMs === "number" && recheckAfterInMs >= 0
      ? recheckAfterInMs
      : DEFAULT_RECHECK_IN_MS,
  };
}

/** Returns the conclusion from each error of an aggregate, and of nested aggregates. */
function causesOf(aggregate: AggregateAuthenticationError): Unavailable[] {
  const causes: Unavailable[] = [];
  const open: unknown[] = [aggregate];
  while (open.length > 0) {
    const error = open.pop();
    const { errors } = error as AggregateAuthenticationError;
    const isAggregate = nameOf(error) === AggregateAuthenticationErrorName;
    if (isAggregate && Array.isArray(errors) && errors.length > 0 && causes.length + open.length < MAX_ERRORS) {
      // `Array.from` also visits the holes of an array.
      open.push(...Array.from(errors.slice(0, MAX_ERRORS), (cause: unknown) => cause ?? {}));
    } else causes.push((isAggregate ? undefined : unavailableOf(error)) ?? INCONCLUSIVE);
    if (causes.length > MAX_ERRORS) return [INCONCLUSIVE];
  }
  return causes;
}

function nameOf(error: unknown): unknown {
  return memberOf(error, "name");
}
