import type { RetryRule } from "../core/retry.ts";

/**
 * What heals at the instance metadata service: an identity that is not there yet, an upgrade (410), throttling, an error of its own.
 *
 * https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#retry-guidance
 */
export const IMDS_RETRIES: readonly RetryRule[] = [
  { statuses: /^410$/, outage: { lastsInMs: 70_000, delayInMs: 3000 } },
  { statuses: /^(0|404|408|429|5(?!01|05)\d\d)$/ },
];

/** What heals at the other sources. */
export const OTHER_RETRIES: readonly RetryRule[] = [{ statuses: /^(0|404|408|429|500|503|504)$/ }];
