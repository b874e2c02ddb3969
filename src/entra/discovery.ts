import type { AuthorizationServer } from "oauth4webapi";
import { errorFromResponse } from "../core/error_response.ts";
import { send } from "../core/http.ts";
import { parseObject } from "../core/json.ts";
import { createLruCache } from "../core/lru_cache.ts";
import { digestOf } from "../core/cache_key.ts";
import { retry } from "../core/retry.ts";
import type { Settings } from "../core/settings.ts";
import { parseUrl } from "../core/url.ts";
import { AuthenticationError } from "../errors.ts";
import { ENTRA_RETRIES } from "./retries.ts";
import { preferredHost, PUBLIC } from "./known_hosts.ts";

const ENDPOINTS = ["token_endpoint", "authorization_endpoint", "device_authorization_endpoint"];
const ONE_DAY = 86_400_000;
type Discovered = AuthorizationServer & { readonly declaredIssuer: string };

const discovered = /* @__PURE__ */ createLruCache<{ server: Discovered; until: number }>();

/**
 * Returns the endpoints of an authority that is not Microsoft's, if the public cloud confirms it (instance discovery). Cached for a day.
 *
 * `processDiscoveryResponse` of oauth4webapi is not used: it compares the issuer with the URL that was requested, and Microsoft Entra's
 * issuer has the tenant's id where the URL has `common` or a domain name.
 */
export async function discoverAuthority(
  issuer: string,
  credential: string,
  signal: AbortSignal,
  settings: Settings,
): Promise<Discovered> {
  // The confirmation of a simulated cloud is not valid for the real one.
  const key = await digestOf([issuer, ...settings.injected]);
  const known = discovered.get(key);
  if (known && settings.now() < known.until) return known.server;
  const server = await discover(issuer, credential, signal, settings);
  discovered.set(key, { server, until: settings.now() + ONE_DAY });
  return server;
}

async function discover(
  issuer: string,
  credential: string,
  signal: AbortSignal,
  settings: Settings,
): Promise<Discovered> {
  const { host } = new URL(issuer);
  const instance = `https://${PUBLIC}/common/discovery/instance?api-version=1.1&authorization_endpoint=` +
    encodeURIComponent(`${issuer}/oauth2/v2.0/authorize`);
  const advice = `set "disableInstanceDiscovery" if you trust "${host}"`;
  const cloud = await getJson(instance);
  if (cloud.error === "invalid_instance") {
    throw new AuthenticationError(`Cannot use the authority "${issuer}": The public cloud does not know it; ${advice}`);
  }
  const configuration = await getJson(`${issuer}/v2.0/.well-known/openid-configuration`);
  const endpoints = Object.fromEntries(
    Object.entries(configuration).filter(([name, url]) => ENDPOINTS.includes(name) && isOwn(url)),
  );
  if (endpoints.token_endpoint === undefined) {
    throw new AuthenticationError(
      `Cannot use the authority "${issuer}": Its OpenID configuration names no token endpoint of its own; ${advice}`,
    );
  }
  const { issuer: declared } = configuration;
  const declaredIssuer = typeof declared === "string" && isOwn(declared) ? declared : "";
  return { issuer, ...endpoints, declaredIssuer };

  function isOwn(endpoint: unknown): boolean {
    const url = parseUrl(endpoint);
    return url?.protocol === new URL(issuer).protocol && (url.host === host || preferredHost(url.host) !== undefined);
  }

  async function getJson(url: string): Promise<Record<string, unknown>> {
    const init = { headers: { accept: "application/json" }, signal };
    const answer = await retry(
      (limitInMs) => send(settings.fetch, url, init, { ...settings, limitInMs }),
      { credential, rules: ENTRA_RETRIES, signal },
      settings,
    );
    const body = parseObject(answer.text);
    // An error of instance discovery other than `invalid_instance` does not concern the host. An outage is an error.
    if (body && (answer.status === 200 || url === instance && answer.status === 400 && "error" in body)) return body;
    throw errorFromResponse(answer, `Cannot discover the authority "${issuer}" at "${new URL(url).host}"`, {
      advice: () => advice,
    });
  }
}
