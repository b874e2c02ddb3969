import type { AuthorizationServer } from "oauth4webapi";
import { bound } from "../core/bound.ts";
import { send } from "../core/http.ts";
import type { Settings } from "../core/settings.ts";
import { AuthenticationError } from "../errors.ts";
import { isAdfs } from "./authority.ts";
import { parseObject } from "../core/json.ts";
import { fetchDirectly } from "../runtime/direct_fetch.ts";

const METADATA = "http://169.254.169.254/metadata/instance/compute?api-version=2021-02-01";
const METADATA_TIMEOUT_IN_MS = 2000;
// A region becomes one label of a host name: lower case letters, digits and hyphens.
const REGION = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
/** How long a failed detection is cached. */
const FAILURE_TTL_IN_MS = 60_000;
const detected = new WeakMap<
  Settings,
  { readonly region: string | undefined; readonly since: number; readonly until: number }
>();

/**
 * Returns the authority with the token endpoint of the region in `AZURE_REGIONAL_AUTHORITY_NAME`. Returns the authority
 * unchanged if no region is detected, and for AD FS and external tenants, which have no regional endpoints.
 */
export async function regionalEndpoint(
  server: AuthorizationServer,
  name: string,
  signal: AbortSignal,
  settings: Settings,
): Promise<AuthorizationServer> {
  const url = new URL(server.token_endpoint!);
  if (isAdfs(server) || url.hostname.endsWith(".ciamlogin.com")) return server;
  const detect = name === "AutoDiscoverRegion" || name === "TryAutoDetect";
  const region = detect ? await detectRegion(signal, settings) : name;
  if (region === undefined) return server;
  if (!REGION.test(region)) {
    // The user did not configure the detected name, so that a malformed one is not an error.
    if (detect) return server;
    throw new AuthenticationError(
      'Cannot use the variable AZURE_REGIONAL_AUTHORITY_NAME: It must be the name of a region, such as "westeurope"',
    );
  }
  url.hostname = url.hostname === "login.microsoftonline.com"
    ? `${region}.login.microsoft.com`
    : `${region}.${url.hostname}`;
  return { ...server, token_endpoint: url.href };
}

async function detectRegion(signal: AbortSignal, settings: Settings): Promise<string | undefined> {
  const variable = settings.env("REGION_NAME");
  if (variable) return variable.toLowerCase().replaceAll(" ", "");
  // A browser or an edge runtime has no metadata service.
  if (!settings.hasMetadataService()) return undefined;
  const cached = detected.get(settings);
  const now = settings.now();
  if (cached && now >= cached.since && now < cached.until) return cached.region;
  const region = await requestRegion(signal, settings);
  const since = settings.now();
  detected.set(settings, { region, since, until: region ? Infinity : since + FAILURE_TTL_IN_MS });
  return region;
}

/** Requests the region from the instance metadata service; returns `undefined` if that fails. */
async function requestRegion(signal: AbortSignal, settings: Settings): Promise<string | undefined> {
  // Neither `options.fetch` nor the global one, because either may use a proxy.
  const { localFetch = fetchDirectly, timeoutInMs } = settings;
  const init = { headers: { Metadata: "true" }, signal };
  // At most a third of the deadline, because the token request needs the rest.
  const limitInMs = Math.min(METADATA_TIMEOUT_IN_MS, Math.ceil(timeoutInMs / 3));
  try {
    const response = await send(localFetch, METADATA, init, { ...settings, limitInMs });
    const location = response.status === 200 ? parseObject(response.text)?.location : undefined;
    const region = typeof location === "string" ? bound(location).toLowerCase() : "";
    return REGION.test(region) ? region : undefined;
  } catch (error) {
    if (signal.aborted) throw error;
    return undefined;
  }
}
