import type { Answer } from "./http.ts";
import type { Settings } from "./settings.ts";

/** A row of a table that says which answers a repetition can better. */
export interface RetryRule {
  /** The HTTP statuses; 0 is no answer. */
  readonly statuses: RegExp;
  /** Where they announce an outage: how long it can last, which counts in place of `maxRetries`, and the bound of the first wait. */
  readonly outage?: { readonly lastsInMs: number; readonly delayInMs: number };
}

/** What is being repeated. */
export interface Attempts {
  readonly credential: string;
  readonly rules: readonly RetryRule[];
  readonly signal: AbortSignal;
}

/** Sends until the answer is one that a repetition cannot better, as often and as long as the rules say. */
export async function retry(
  attempt: () => Promise<Answer>,
  { credential, rules, signal }: Attempts,
  settings: Settings,
): Promise<Answer> {
  const { maxRetries, maxRetryDelayInMs, retryDelayInMs, now } = settings;
  const started = now();
  // By rule: a service that comes back from an outage and is not ready yet gets as many attempts as any other.
  const attempts = new Map<RetryRule, number>();
  for (;;) {
    const answer = await attempt();
    const rule = rules.find(({ statuses }) => statuses.test(String(answer.status)));
    if (!rule || maxRetries === 0) return answer;
    const { outage } = rule;
    const retries = attempts.get(rule) ?? 0;
    attempts.set(rule, retries + 1);
    const left = outage ? started + outage.lastsInMs - now() : Infinity;
    if (outage ? left <= 0 : retries >= maxRetries) return answer;
    const bound = outage ? outage.delayInMs * 2 ** retries : Math.min(maxRetryDelayInMs, retryDelayInMs * 2 ** retries);
    // Full jitter: a random wait below a bound that doubles.
    const wait = answer.retryAfterInMs || Math.min(left, Math.ceil(Math.random() * bound));
    // Whoever must wait longer than there is time is told now.
    if (now() + wait >= started + settings.timeoutInMs) return answer;
    settings.log({
      event: "request-retried",
      credential,
      message: `${answer.status === 0 ? answer.text : `HTTP ${answer.status}`}: trying again in ${wait} ms`,
    });
    await settings.sleep(wait, signal);
  }
}
