/** The host of the public cloud. */
export const PUBLIC = "login.microsoftonline.com";

/**
 * The hosts that Microsoft runs: the first of a group answers for the others. What is not here is asked about before it gets a secret.
 */
const HOSTS: readonly (readonly string[])[] = [
  [PUBLIC, "login.windows.net", "login.microsoft.com", "sts.windows.net"],
  ["login.partner.microsoftonline.cn", "login.chinacloudapi.cn"],
  ["login.microsoftonline.us", "login.usgovcloudapi.net"],
  ["login-us.microsoftonline.com"],
  ["login.microsoftonline.de"],
  ["login.sovcloud-identity.fr"],
  ["login.sovcloud-identity.de"],
  ["login.sovcloud-identity.sg"],
];

/** Returns the host that answers for a known one. */
export function preferredHost(host: string): string | undefined {
  return hostsOfCloud(host)[0];
}

/** Returns the hosts of the cloud that a host belongs to, the one that answers for the others first; empty for an unknown host. */
export function hostsOfCloud(host: string): readonly string[] {
  return HOSTS.find((group) => group.includes(host)) ?? [];
}
