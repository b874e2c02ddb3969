const CLOUDS: readonly (readonly [host: RegExp, suffix: string])[] = [
  [/(^|\.)login\.(microsoftonline\.us|usgovcloudapi\.net)$/i, "USGov"],
  [/(^|\.)login\.(partner\.microsoftonline\.cn|chinacloudapi\.cn)$/i, "China"],
];

/**
 * Returns the audience of assertions for the cloud of the host. An unknown host counts as one of the public cloud.
 *
 * @see https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity
 */
export function exchangeAudience(host: string): string {
  return `api://AzureADTokenExchange${CLOUDS.find(([pattern]) => pattern.test(host))?.[1] ?? ""}`;
}
