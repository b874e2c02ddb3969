import type { LocalSettings } from "./source.ts";

const MOST = 5;
const WITHIN_IN_MS = 1000;

// By what sends the requests, which is one for the process unless another was handed in.
const sent = new WeakMap<typeof fetch, number[]>();

/** Waits until a request is among the five of its second: the instance metadata service refuses the sixth. */
export async function keepPace({ localFetch, now, sleep }: LocalSettings, signal: AbortSignal): Promise<void> {
  const times = sent.get(localFetch) ?? [];
  sent.set(localFetch, times);
  for (;;) {
    const wait = times.length < MOST ? 0 : times[0]! + WITHIN_IN_MS - now();
    // A clock that went back says nothing.
    if (wait <= 0 || wait > WITHIN_IN_MS) break;
    await sleep(wait, signal);
  }
  times.push(now());
  if (times.length > MOST) times.shift();
}
