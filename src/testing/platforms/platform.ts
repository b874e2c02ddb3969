import { checkMembers } from "../check_members.ts";
import type { EntraFederatedCredential } from "../entra/entra_options.ts";
import { publicKeys, sign } from "../entra/signing_key.ts";
import { checkMachineFault, faultResponse, type MachineFault, respondWithFault } from "../faults.ts";
import { createSimulatedService, type RecordedRequest, type SimulatedService } from "../simulated_service.ts";

/** Options of every simulated platform. */
export interface PlatformOptions {
  /** The subject (`sub`) of the tokens. */
  readonly subject?: string;
  /** Lifetime of the tokens, in milliseconds. By default as on the real platform. */
  readonly tokenLifetimeInMs?: number;
  /** Sends requests to other hosts, such as `fetch` of a simulated Entra. By default such requests fail. */
  readonly fetch?: typeof fetch;
  /**
   * Returns the time, in milliseconds since the epoch.
   *
   * @default {Date.now}
   */
  readonly now?: () => number;
}

const OPTIONS: Readonly<Record<keyof PlatformOptions, true>> = {
  subject: true,
  tokenLifetimeInMs: true,
  fetch: true,
  now: true,
};

/** A simulated platform that issues tokens to a program. Its `fetch` also returns the issuer's metadata and keys. */
export interface SimulatedPlatform extends SimulatedService<MachineFault> {
  /** The environment variables of the program. */
  readonly env: Readonly<Record<string, string>>;
  /**
   * The federated credential with which an app in Entra trusts the program. The simulated Entra fetches the keys of the
   * issuer: pass `fetch` of the platform to `createEntra`.
   */
  readonly federatedCredential: EntraFederatedCredential;
}

/** The properties of one platform. */
interface PlatformSpec extends PlatformOptions {
  readonly issuer: string;
  readonly subject: string;
  readonly lifetimeInS: number;
  /** The host that issues the tokens; `undefined` if they are in variables. */
  readonly host?: string;
  readonly env: Readonly<Record<string, string>>;
  /** The audience of the federated credential. */
  readonly audience?: string;
  /** Further claims of the tokens. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** Responds to a request for a token. */
  readonly respond?: (request: PlatformRequest) => Promise<Response>;
}

/** A request for a token. */
export interface PlatformRequest extends RecordedRequest {
  /** Signs a token for an audience. */
  issue(audience: string): Promise<string>;
}

/**
 * Throws a `TypeError` for an unknown option.
 *
 * @param name The name of the function that creates the platform.
 * @param own The options that other platforms do not have.
 */
export function checkOptions(options: PlatformOptions, name: string, own: Readonly<Record<string, true>> = {}): void {
  checkMembers(options, `option of ${name}`, { ...OPTIONS, ...own });
}

/** Signs a token of a platform. */
export async function issueToken(spec: PlatformSpec, audience: string): Promise<string> {
  const { issuer, subject, claims, lifetimeInS, tokenLifetimeInMs = lifetimeInS * 1000, now = Date.now } = spec;
  const iat = Math.floor(now() / 1000);
  const times = { iat, nbf: iat, exp: iat + Math.floor(tokenLifetimeInMs / 1000) };
  return await sign({ ...claims, iss: issuer, sub: subject, aud: audience, jti: crypto.randomUUID(), ...times });
}

/** Creates a platform. */
export function createPlatform(spec: PlatformSpec): SimulatedPlatform {
  const { audience, env, fetch, host, issuer, subject } = spec;
  const service = createSimulatedService<MachineFault>(async (exchange) => {
    const fault = await exchange.nextFault();
    const request = { ...exchange.request, issue: (audience: string) => issueToken(spec, audience) };
    const respond = async () => await spec.respond?.(request) ?? json(404, { error: "not_found" });
    if (fault === undefined) return await respond();
    if (typeof fault === "string") return await respondWithFault(fault, { ...exchange, respond });
    return faultResponse(fault, 500, JSON.stringify({ error: "simulated_error" }));
  }, checkMachineFault);

  return {
    ...service,
    async fetch(input, init) {
      const url = input instanceof Request ? input.url : String(input);
      if (url === `${issuer}/.well-known/openid-configuration`) {
        return json(200, { issuer, jwks_uri: `${issuer}/.well-known/jwks` });
      }
      if (url === `${issuer}/.well-known/jwks`) return json(200, await publicKeys());
      if (new URL(url).host === host) return await service.fetch(input, init);
      if (fetch) return await fetch(input, init);
      throw new TypeError("fetch failed: No such host (simulated)");
    },
    env,
    federatedCredential: { issuer, subject, ...audience !== undefined && { audience } },
  };
}

/** Returns a response with a JSON body. */
export function json(status: number, body: object): Response {
  return new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json" } });
}
