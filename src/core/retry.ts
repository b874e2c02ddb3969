import type { Answer } from "./http.ts";
import type { Settings } from "./settings.ts";

/** Sends until the answer is one that a repetition cannot better, at most `maxRetries` times more. */
export async function retry(
  attempt: () => Promise<Answer>,
  credential: string,
  signal: AbortSignal,
  settings: Settings,
): Promise<Answer> {
  const deadline = settings.now() + settings.timeoutInMs;
  for (let retries = 0;; retries++) {
    const answer = await attempt();
    if (!canHeal(answer.status) || retries >= settings.maxRetries) return answer;
    const wait = answer.retryAfterInMs || backOff(retries, settings);
    // Whoever must wait longer than there is time is told now.
    if (settings.now() + wait >= deadline) return answer;
    settings.log({
      event: "request-retried",
      credential,
      message: `${answer.status === 0 ? answer.text : `HTTP ${answer.status}`}: trying again in ${Math.round(wait)} ms`,
    });
    await settings.sleep(wait, signal);
  }
}

function canHeal(status: number): boolean {
  return status === 0 || status === 408 || status === 429 || status >= 500 && status !== 501 && status !== 505;
}

/** Full jitter: a random wait below a bound that doubles. */
function backOff(retries: number, settings: Settings): number {
  return Math.random() * Math.min(settings.maxRetryDelayInMs, settings.retryDelayInMs * 2 ** retries);
}
