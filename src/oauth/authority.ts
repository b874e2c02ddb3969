import type { AuthorizationServer } from "oauth4webapi";
import { AuthenticationError } from "../errors.ts";
import { digestOf } from "../core/partition.ts";
import { ENTRA_RETRIES } from "./entra_retries.ts";
import { send } from "../core/http.ts";
import { createMemory } from "../core/memory.ts";
import { retry } from "../core/retry.ts";
import { parseAuthorityHost, type Settings } from "../core/settings.ts";
import type { TokenRequest } from "../core/create_get_token.ts";
import { parseObject } from "../core/json.ts";
import { errorFromAnswer } from "../core/answer_error.ts";

const PUBLIC = "login.microsoftonline.com";

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

const ONE_DAY = 86_400_000;
const discovered = createMemory<{ server: AuthorizationServer; until: number }>();

/**
 * Returns the endpoints of the tenant's authority. Those of the known clouds, of AD FS and of `*.ciamlogin.com` are computed; another
 * host's are discovered, unless `disableInstanceDiscovery` trusts it.
 *
 * https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud
 */
export async function resolveAuthority(
  credential: string,
  request: TokenRequest,
  settings: Settings,
): Promise<AuthorizationServer> {
  const base = authorityBase(settings);
  const adfs = request.tenantId.toLowerCase() === "adfs";
  const tenantId = adfs ? "adfs" : request.tenantId;
  const microsofts = preferredHost(base.host) || base.host.endsWith(".ciamlogin.com");
  // Microsoft's own have no path but a tenant's, and whoever asks says which.
  let path = microsofts ? "" : base.pathname.replace(/\/+$/, "");
  if (path.toLowerCase().endsWith(`/${tenantId.toLowerCase()}`)) path = path.slice(0, -tenantId.length - 1);
  const issuer = `${base.origin}${path}/${tenantId}`;
  if (adfs) return endpoints(issuer, "/oauth2");
  if (microsofts || settings.disableInstanceDiscovery) return endpoints(issuer, "/oauth2/v2.0");
  // What a simulated cloud vouches for is nothing to real code.
  const key = await digestOf([issuer, ...settings.surroundings]);
  const known = discovered.get(key);
  if (known && settings.now() < known.until) return known.server;
  const server = await discover(issuer, credential, request, settings);
  discovered.set(key, { server, until: settings.now() + ONE_DAY });
  return server;
}

/** Whether it is AD FS, which speaks an older dialect. */
export function isAdfs(server: AuthorizationServer): boolean {
  return new URL(server.token_endpoint!).pathname.startsWith("/adfs/");
}

/** Returns the host that answers for a known one. */
function preferredHost(host: string): string | undefined {
  return HOSTS.find((group) => group.includes(host))?.[0];
}

function authorityBase(settings: Settings): URL {
  const { allowInsecureLoopback, authorityHost, env } = settings;
  const variable = authorityHost === undefined ? env("AZURE_AUTHORITY_HOST") : undefined;
  let base: URL;
  try {
    base = variable
      ? parseAuthorityHost(variable, allowInsecureLoopback, "AZURE_AUTHORITY_HOST")
      : parseAuthorityHost(authorityHost ?? `https://${PUBLIC}`, allowInsecureLoopback);
  } catch (error) {
    throw new AuthenticationError(`Cannot find the token service: ${(error as Error).message}`);
  }
  base.host = preferredHost(base.host) ?? base.host;
  return base;
}

function endpoints(issuer: string, path: string): AuthorizationServer {
  return { issuer, token_endpoint: `${issuer}${path}/token` };
}

async function discover(
  issuer: string,
  credential: string,
  request: TokenRequest,
  settings: Settings,
): Promise<AuthorizationServer> {
  const { host } = new URL(issuer);
  const instance = `https://${PUBLIC}/common/discovery/instance?api-version=1.1&authorization_endpoint=` +
    encodeURIComponent(`${issuer}/oauth2/v2.0/authorize`);
  const advice = `set "disableInstanceDiscovery" if you trust "${host}"`;
  const cloud = await getJson(instance);
  if (cloud.error === "invalid_instance") {
    throw new AuthenticationError(`Cannot use the authority "${issuer}": The public cloud does not know it; ${advice}`);
  }
  const configuration = await getJson(`${issuer}/v2.0/.well-known/openid-configuration`);
  const endpoint = configuration.token_endpoint;
  let url: URL | undefined;
  try {
    url = new URL(String(endpoint));
  } catch {
    // Falls through to the error below.
  }
  if (!url || url.protocol !== new URL(issuer).protocol || url.host !== host && !preferredHost(url.host)) {
    throw new AuthenticationError(
      `Cannot use the authority "${issuer}": Its OpenID configuration names no token endpoint of its own; ${advice}`,
    );
  }
  return { issuer, token_endpoint: url.href };

  async function getJson(url: string): Promise<Record<string, unknown>> {
    const init = { headers: { accept: "application/json" }, signal: request.signal };
    const answer = await retry(
      () => send(settings.fetch, url, init, settings.now),
      { credential, rules: ENTRA_RETRIES, signal: request.signal },
      settings,
    );
    const body = parseObject(answer.text);
    // An error of instance discovery other than `invalid_instance` says nothing about the host; an outage is no answer at all.
    if (body && (answer.status === 200 || url === instance && answer.status === 400 && "error" in body)) return body;
    throw errorFromAnswer(answer, `Cannot discover the authority "${issuer}" at "${new URL(url).host}"`, {
      advice: () => advice,
    });
  }
}
