import { isBackground } from "../runtime/background.ts";
import { toSingleLine } from "./error_response.ts";
import type { HttpResult } from "./http.ts";
import type { Settings } from "./settings.ts";

/**
 * Time limit of the first attempt, in milliseconds. The limit doubles with each attempt. The official libraries limit a
 * request to 30 s (MSAL for Go) or 100 s (Azure.Core for .NET), or do not limit it (azcore, msal-node). A doubling
 * limit repeats a lost request sooner, and reaches the same limits for a slow service.
 */
const ATTEMPT_IN_MS = 10_000;
/** Time limit of the first attempt of a background refresh. Short, because the request keeps the process alive. */
const BACKGROUND_ATTEMPT_IN_MS = 2000;
/** Time limit of an attempt that may have had an effect although its response was lost. */
const UNREPEATABLE_ATTEMPT_IN_MS = 30_000;

/** Responses that a retry can improve. */
export interface RetryRule {
  /** The HTTP statuses; 0 is no response. */
  readonly statuses: RegExp;
  /**
   * For statuses of an outage: how long the outage can last, which replaces the limit `maxRetries`, and the maximum of
   * the first delay.
   */
  readonly outage?: { readonly lastsInMs: number; readonly delayInMs: number };
}

/**
 * Failures of a token service that a retry can resolve: no response, a timeout, throttling and server errors, except
 * 501 and 505.
 */
export const TRANSIENT_FAILURES: readonly RetryRule[] = [{ statuses: /^(0|408|429|5(?!01|05)\d\d)$/ }];

/** Options of {@linkcode retry}. */
export interface Attempts {
  readonly credential: string;
  readonly rules: readonly RetryRule[];
  readonly signal: AbortSignal;
  /** Removes secrets from the reason why there is no response, before it is logged. By default changes nothing. */
  readonly redact?: (text: string) => string;
  /**
   * Whether the service may reject a second request after it acted on the first.
   *
   * @default {false}
   */
  readonly unrepeatable?: boolean;
}

/**
 * Sends a request until a retry cannot improve the response, or the limits of the rules are reached. `attempt` receives
 * its time limit in milliseconds, or `undefined` for the remaining time.
 */
export async function retry(
  attempt: (limitInMs: number | undefined) => Promise<HttpResult>,
  { credential, rules, signal, redact = String, unrepeatable = false }: Attempts,
  settings: Settings,
): Promise<HttpResult> {
  const { maxRetries, maxRetryDelayInMs, retryDelayInMs, now } = settings;
  const started = now();
  // Counted for each rule, so that a service that is not ready after an outage gets as many attempts as any other.
  const attempts = new Map<RetryRule, number>();
  const timeoutRule = rules.find(({ statuses }) => statuses.test("0"));
  for (let attemptsBefore = 0;; attemptsBefore++) {
    const isLast = !timeoutRule || (attempts.get(timeoutRule) ?? 0) >= maxRetries;
    const response = await attempt(limitOf(attemptsBefore, isLast));
    const rule = rules.find(({ statuses }) => statuses.test(String(response.status)));
    if (!rule || maxRetries === 0) return response;
    const { outage } = rule;
    const retries = attempts.get(rule) ?? 0;
    attempts.set(rule, retries + 1);
    const elapsed = now() - started;
    // A time that exceeds the deadline means that the clock was changed, and is ignored.
    const spent = elapsed >= 0 && elapsed <= settings.timeoutInMs ? elapsed : 0;
    const left = outage ? outage.lastsInMs - spent : Infinity;
    if (outage ? left <= 0 : retries >= maxRetries) return response;
    const bound = outage ? outage.delayInMs * 2 ** retries : Math.min(maxRetryDelayInMs, retryDelayInMs * 2 ** retries);
    // Full jitter: a random wait below a bound that doubles.
    const wait = response.retryAfterInMs || Math.min(left, Math.ceil(Math.random() * bound));
    // Does not wait for a retry that could only begin after the deadline.
    if (spent + wait >= settings.timeoutInMs) return response;
    const reason = response.status === 0 ? toSingleLine(redact(response.text)) : `HTTP ${response.status}`;
    settings.log({ event: "request-retried", credential, message: `${reason}: trying again in ${wait} ms` });
    await settings.sleep(wait, signal);
  }

  function limitOf(attemptsBefore: number, isLast: boolean): number | undefined {
    const background = isBackground(signal);
    // The last attempt has the remaining time, unless no caller waits for it.
    if (isLast && !background) return undefined;
    // The service may have redeemed the authorization code or device code, rotated the refresh token or counted the
    // password, and may reject a retry. So the attempt gets the time that MSAL gives it, however short the deadline is.
    // After that time a retry does no harm: a lost response does not arrive later, and a lost request can succeed now.
    if (unrepeatable) return UNREPEATABLE_ATTEMPT_IN_MS;
    if (isLast) return ATTEMPT_IN_MS;
    // At most a third of the deadline, so that a lost request leaves two thirds for the next attempts.
    const first = Math.min(background ? BACKGROUND_ATTEMPT_IN_MS : ATTEMPT_IN_MS, Math.ceil(settings.timeoutInMs / 3));
    const limit = first * 2 ** attemptsBefore;
    return background ? Math.min(limit, ATTEMPT_IN_MS) : limit;
  }
}
