import { parseUrl } from "../core/url.ts";

/** Resources of Azure by host name. A name that begins with a dot stands for all hosts that end with it. */
const RESOURCES: ReadonlyMap<string, string> = /* @__PURE__ */ new Map(
  [
    // https://learn.microsoft.com/azure/storage/blobs/authorize-access-azure-active-directory: the same in all clouds.
    ...["core.windows.net", "core.chinacloudapi.cn", "core.usgovcloudapi.net", "storage.azure.net"].flatMap((cloud) =>
      ["blob", "dfs", "file", "queue", "table"].map((service) => [`.${service}.${cloud}`, "storage.azure.com"])
    ),
    // https://learn.microsoft.com/azure/key-vault/general/authentication-requests-and-responses
    ...[".vault.azure.net", ".vault.azure.cn", ".vault.usgovcloudapi.net"].map(withoutDot),
    // https://learn.microsoft.com/azure/key-vault/managed-hsm/access-control
    ...[".managedhsm.azure.net", ".managedhsm.azure.cn", ".managedhsm.usgovcloudapi.net"].map(withoutDot),
    // https://learn.microsoft.com/rest/api/azure/
    ...["management.azure.com", "management.chinacloudapi.cn", "management.usgovcloudapi.net"].map(itself),
    // https://learn.microsoft.com/graph/deployments
    ...["graph.microsoft.com", "graph.microsoft.us", "dod-graph.microsoft.us", "microsoftgraph.chinacloudapi.cn"]
      .map(itself),
    // https://learn.microsoft.com/azure/service-bus-messaging/authenticate-application: the same in all clouds.
    ...[".servicebus.windows.net", ".servicebus.chinacloudapi.cn", ".servicebus.usgovcloudapi.net"]
      .map((host) => [host, "servicebus.azure.net"]),
    // https://learn.microsoft.com/azure/azure-app-configuration/rest-api-authentication-azure-ad
    [".azconfig.io", "appconfig.azure.com"],
    [".azconfig.azure.us", "appconfig.azure.us"],
    [".azconfig.azure.cn", "appconfig.azure.cn"],
    // https://learn.microsoft.com/azure/search/search-security-rbac
    [".search.windows.net", "search.azure.com"],
    ...[".search.azure.us", ".search.azure.cn"].map(withoutDot),
    // https://learn.microsoft.com/azure/azure-sql/database/authentication-aad-overview
    ...[".database.windows.net", ".database.chinacloudapi.cn", ".database.usgovcloudapi.net"].map(withoutDot),
    // https://learn.microsoft.com/azure/ai-services/authentication, and for projects:
    // https://learn.microsoft.com/azure/ai-foundry/concepts/authentication-authorization-foundry
    ...["com", "cn", "us"].flatMap((cloud) =>
      ["openai", "cognitiveservices"].map((
        service,
      ) => [`.${service}.azure.${cloud}`, `cognitiveservices.azure.${cloud}`])
    ),
    [".services.ai.azure.com", "cognitiveservices.azure.com"],
    // https://learn.microsoft.com/azure/container-registry/container-registry-disable-authentication-as-arm
    [".azurecr.io", "containerregistry.azure.net"],
    // https://learn.microsoft.com/azure/azure-monitor/logs/api/access-api
    ["api.loganalytics.io", "api.loganalytics.io"],
    ["api.loganalytics.azure.com", "api.loganalytics.io"],
    ...["api.loganalytics.us", "api.loganalytics.azure.cn"].map(itself),
    // https://learn.microsoft.com/azure/azure-monitor/logs/logs-ingestion-api-overview
    ...["com", "cn", "us"].map((cloud) => [`.ingest.monitor.azure.${cloud}`, `monitor.azure.${cloud}`]),
    // https://learn.microsoft.com/azure/azure-maps/azure-maps-authentication
    ["atlas.microsoft.com", "atlas.microsoft.com"],
    [".atlas.microsoft.com", "atlas.microsoft.com"],
    // https://learn.microsoft.com/azure/azure-signalr/signalr-concept-authorize-azure-active-directory
    [".service.signalr.net", "signalr.azure.com"],
    [".signalr.azure.us", "signalr.azure.us"],
    [".signalr.azure.cn", "signalr.azure.cn"],
    // https://learn.microsoft.com/azure/azure-web-pubsub/concept-azure-ad-authorization
    [".webpubsub.azure.com", "webpubsub.azure.com"],
    // https://learn.microsoft.com/azure/digital-twins/how-to-authenticate-client
    [".digitaltwins.azure.net", "digitaltwins.azure.net"],
    // https://learn.microsoft.com/azure/event-grid/authenticate-with-microsoft-entra-id
    [".eventgrid.azure.net", "eventgrid.azure.net"],
    // https://learn.microsoft.com/azure/batch/batch-aad-auth
    [".batch.azure.com", "batch.core.windows.net"],
    [".batch.chinacloudapi.cn", "batch.chinacloudapi.cn"],
    [".batch.usgovcloudapi.net", "batch.core.usgovcloudapi.net"],
  ] as [string, string][],
);

/** Azure Cosmos DB, whose resource is the account's own host: https://learn.microsoft.com/azure/cosmos-db/nosql/security/ */
const COSMOS = /^[a-z0-9-]{3,60}\.documents\.azure\.(com|us|cn)$/;

/** Path of the projects of Microsoft Foundry, whose host has other services too. */
const PROJECTS = "/api/projects/";

/**
 * Returns the scope of the access tokens for a URL of Azure, by its host and path. Returns `undefined` if the host is
 * not a known one, or if no token may be sent to the URL, because it has another protocol than `https:`, a port other
 * than 443, or user information.
 *
 * The documentation has a table of the hosts, with its sources.
 *
 * @param url An absolute URL.
 * @returns The scope, such as `"https://storage.azure.com/.default"`, or `undefined`.
 *
 * @example
 * ```ts
 * import { scopeFor } from "@azweb/identity/fetch";
 * import assert from "node:assert/strict";
 *
 * assert.equal(scopeFor("https://my-vault.vault.azure.net/secrets/key"), "https://vault.azure.net/.default");
 * assert.equal(scopeFor("https://example.com/"), undefined);
 * ```
 */
export function scopeFor(url: string | URL): string | undefined {
  const parsed = parseUrl(url);
  if (!parsed || !isSafe(parsed) || parsed.port) return undefined;
  const { hostname, pathname } = parsed;
  const resource = resourceOf(hostname, pathname);
  return resource && `https://${resource}/.default`;
}

/** Whether a token may be sent to the URL, provided that its host is a known one. */
export function isSafe({ protocol, username, password }: URL): boolean {
  return protocol === "https:" && !username && !password;
}

/** Whether the host is an account of Azure Cosmos DB. */
export function isCosmos(host: string): boolean {
  return COSMOS.test(host);
}

/** Whether the host serves the resources of all tenants, as `management.azure.com` does, not those of one customer. */
export function isShared(host: string): boolean {
  return RESOURCES.has(host);
}

function resourceOf(host: string, path: string): string | undefined {
  if (isCosmos(host)) return host;
  if (host.endsWith(".services.ai.azure.com") && path.toLowerCase().startsWith(PROJECTS)) return "ai.azure.com";
  for (let name = host; name;) {
    const resource = RESOURCES.get(name);
    if (resource) return resource;
    const dot = name.indexOf(".", 1);
    name = dot < 0 ? "" : name.slice(dot);
  }
  return undefined;
}

function itself(host: string): [string, string] {
  return [host, host];
}

function withoutDot(host: string): [string, string] {
  return [host, host.slice(1)];
}
