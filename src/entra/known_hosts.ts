/** The host of the public cloud. */
export const PUBLIC = "login.microsoftonline.com";

/**
 * The hosts of Microsoft's clouds, one group for each cloud, the preferred host first. Another host is confirmed by
 * instance discovery before it receives a secret.
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

/** Returns the preferred host of the cloud; `undefined` for an unknown host. */
export function preferredHost(host: string): string | undefined {
  return hostsOfCloud(host)[0];
}

/** Returns all hosts of the cloud, the preferred one first; empty for an unknown host. */
export function hostsOfCloud(host: string): readonly string[] {
  return HOSTS.find((group) => group.includes(host)) ?? [];
}
