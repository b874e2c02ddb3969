import type { RetryRule } from "../core/retry.ts";

/** What heals at Microsoft Entra: no answer, a timeout, throttling, and a server's error that is no "not implemented". */
export const ENTRA_RETRIES: readonly RetryRule[] = [{ statuses: /^(0|408|429|5(?!01|05)\d\d)$/ }];
