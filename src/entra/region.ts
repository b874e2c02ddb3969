import type { AuthorizationServer } from "oauth4webapi";
import { bound } from "../core/bound.ts";
import { send } from "../core/http.ts";
import type { Settings } from "../core/settings.ts";
import { AuthenticationError } from "../errors.ts";
import { isAdfs } from "./authority.ts";
import { parseObject } from "../core/json.ts";
import { fetchDirectly } from "../runtime/direct_fetch.ts";

const METADATA = "http://169.254.169.254/metadata/instance/compute?api-version=2021-02-01";
const PATIENCE_IN_MS = 2000;
// A region becomes part of a host name: one label of lower case letters, digits and hyphens.
const REGION = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
/** For how long it is believed that there is no answer. */
const ABSENCE_IN_MS = 60_000;
const detected = new WeakMap<
  Settings,
  { readonly region: string | undefined; readonly since: number; readonly until: number }
>();

/**
 * Returns the authority with the token endpoint of the region that `AZURE_REGIONAL_AUTHORITY_NAME` names; as it is where it asks to detect the
 * region and there is none.
 */
export async function regionalEndpoint(
  server: AuthorizationServer,
  wanted: string,
  signal: AbortSignal,
  settings: Settings,
): Promise<AuthorizationServer> {
  const url = new URL(server.token_endpoint!);
  if (isAdfs(server) || url.hostname.endsWith(".ciamlogin.com")) return server;
  const detect = wanted === "AutoDiscoverRegion" || wanted === "TryAutoDetect";
  const region = detect ? await detectRegion(signal, settings) : wanted;
  if (region === undefined) return server;
  if (!REGION.test(region)) {
    // Nobody wrote what was detected, so nobody is told that it cannot be.
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
  const named = settings.env("REGION_NAME");
  if (named) return named.toLowerCase().replaceAll(" ", "");
  // No metadata service where there is no machine.
  if (!settings.hasMetadataService()) return undefined;
  const known = detected.get(settings);
  const now = settings.now();
  if (known && now >= known.since && now < known.until) return known.region;
  const region = await askMetadata(signal, settings);
  const since = settings.now();
  detected.set(settings, { region, since, until: region ? Infinity : since + ABSENCE_IN_MS });
  return region;
}

/** Asks the machine where it stands. */
async function askMetadata(signal: AbortSignal, settings: Settings): Promise<string | undefined> {
  // Not the `fetch` that was handed in, nor that of the runtime: either may be a proxy's.
  const { localFetch = fetchDirectly, timeoutInMs } = settings;
  const init = { headers: { Metadata: "true" }, signal };
  // With a short deadline, a third of it: the token request needs the rest.
  const limitInMs = Math.min(PATIENCE_IN_MS, Math.ceil(timeoutInMs / 3));
  try {
    const answer = await send(localFetch, METADATA, init, { ...settings, limitInMs });
    const location = answer.status === 200 ? parseObject(answer.text)?.location : undefined;
    const region = typeof location === "string" ? bound(location).toLowerCase() : "";
    return REGION.test(region) ? region : undefined;
  } catch (error) {
    if (signal.aborted) throw error;
    return undefined;
  }
}
