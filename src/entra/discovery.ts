import type { AuthorizationServer } from "oauth4webapi";
import { errorFromResponse, requireJson } from "../core/error_response.ts";
import { send } from "../core/http.ts";
import { parseObject } from "../core/json.ts";
import { createLruCache } from "../core/lru_cache.ts";
import { digestOf } from "../core/cache_key.ts";
import { retry, TRANSIENT_FAILURES } from "../core/retry.ts";
import type { Settings } from "../core/settings.ts";
import { parseUrl } from "../core/url.ts";
import { AuthenticationError } from "../errors.ts";
import { networkAdvice } from "./error_advice.ts";
import { preferredHost, PUBLIC } from "./known_hosts.ts";

const ENDPOINTS = ["token_endpoint", "authorization_endpoint", "device_authorization_endpoint"];
const ONE_DAY = 86_400_000;
type Discovered = AuthorizationServer & { readonly declaredIssuer: string };

const discovered = /* @__PURE__ */ createLruCache<{ server: Discovered; until: number }>();

/**
 * Discovers the endpoints of an authority with an unknown host, if the public cloud confirms the host (instance
 * discovery). Caches them for a day.
 *
 * `processDiscoveryResponse` of oauth4webapi is not used, because it requires the issuer to equal the requested URL.
 * The issuer of Microsoft Entra has the tenant's id in place of `common` or a domain name.
 */
export async function discoverAuthority(
  issuer: string,
  credential: string,
  signal: AbortSignal,
  settings: Settings,
): Promise<Discovered> {
  // The confirmation of a simulated cloud must not be used for the real one.
  const key = await digestOf([issuer, ...settings.injected]);
  const cached = discovered.get(key);
  if (cached && settings.now() < cached.until) return cached.server;
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
    throw new AuthenticationError(
      `Cannot use the authority "${issuer}": The public cloud does not know its host; ${advice}`,
    );
  }
  const configuration = await getJson(`${issuer}/v2.0/.well-known/openid-configuration`);
  const endpoints = Object.fromEntries(
    Object.entries(configuration).filter(([name, url]) => ENDPOINTS.includes(name) && isOwn(url)),
  );
  if (endpoints.token_endpoint === undefined) {
    throw new AuthenticationError(
      `Cannot use the authority "${issuer}": Its OpenID configuration has no valid "token_endpoint"; ${advice}`,
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
    const response = await retry(
      async (limitInMs) => requireJson(await send(settings.fetch, url, init, { ...settings, limitInMs })),
      { credential, rules: TRANSIENT_FAILURES, signal },
      settings,
    );
    const body = parseObject(response.text);
    // An error of instance discovery other than `invalid_instance` does not concern the host.
    if (body && (response.status === 200 || url === instance && response.status === 400 && "error" in body)) {
      return body;
    }
    throw errorFromResponse(response, `Cannot discover the authority "${issuer}" at "${new URL(url).host}"`, {
      advice: () => [networkAdvice(response), advice].filter(Boolean).join(", or "),
    });
  }
}
