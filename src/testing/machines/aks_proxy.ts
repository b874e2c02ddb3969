import { checkMembers } from "../check_members.ts";
import { checkMachineFault, faultResponse, type MachineFault, respondWithFault } from "../faults.ts";
import { createSimulatedService, type SimulatedService } from "../simulated_service.ts";
import { fileReader, withoutUndefined } from "./machine.ts";
import type { MachineClock, MachineRuntime } from "./machine_options.ts";

/** Options of {@linkcode createAksProxy}. */
export interface AksProxyOptions {
  /** Receives the forwarded requests: `fetch` of a simulated Entra. */
  readonly fetch: typeof fetch;
  /**
   * The path of the proxy.
   *
   * @default {"/"}
   */
  readonly path?: string;
  /**
   * Environment variables of the pod that replace those of the proxy or are added to them; `undefined` removes one.
   * None by default.
   */
  readonly env?: object;
  /** Further files of the pod, such as its token file. None by default. */
  readonly files?: Readonly<Record<string, string>>;
  /** The clock of the pod, such as `createFakeClock()`. The real time by default. */
  readonly clock?: MachineClock;
}

/**
 * A simulated token proxy and a pod that uses it. Its `fetch` fails, because the certificate of the proxy is signed by
 * a private authority.
 */
export interface AksProxy extends SimulatedService<MachineFault> {
  /** The environment variables of the pod. Credentials see changes. */
  readonly env: Record<string, string>;
  /** The files of the pod, by path. Credentials see changes. */
  readonly files: Map<string, string>;
  /** Options that let a credential run in the pod. Their `fetch` always fails. */
  readonly options: {
    /** The environment variables of the pod. */
    readonly env: Readonly<Record<string, string>>;
    /** Always fails. */
    readonly fetch: typeof fetch;
    /**
     * The files and the clock of the pod, and the TLS connection to the proxy, with its certification authority and
     * server name.
     */
    readonly runtime: Pick<MachineRuntime, "readTextFile" | "tlsFetch"> & Partial<MachineClock>;
  };
  /**
   * Replaces the certification authority of the proxy.
   *
   * @returns The certificate of the new authority, as a PEM string. Write it to `files` to let credentials trust it.
   */
  rotate(): string;
}

const OPTIONS: Readonly<Record<keyof AksProxyOptions, true>> = {
  fetch: true,
  path: true,
  env: true,
  files: true,
  clock: true,
};
const HOST = "aks-proxy.example";
const SNI_NAME = "00000000.ests.aks.example";
const CA_FILE = "/etc/kubernetes/proxy/ca.crt";

/**
 * Creates a simulated token proxy of Azure Kubernetes Service, and a pod with an identity binding. The proxy forwards
 * token requests to Entra. Its URL, server name and certification authority are in environment variables of the pod.
 * The certificates are placeholders, compared as strings.
 *
 * @param options See {@linkcode AksProxyOptions}.
 * @throws {TypeError} An option is unknown.
 *
 * @example Authenticate in a pod
 * ```ts
 * import { WorkloadIdentityCredential } from "@azweb/identity";
 * import { createAksProxy } from "@azweb/identity/testing";
 * import assert from "node:assert/strict";
 *
 * const body = { access_token: "a-token", token_type: "Bearer", expires_in: 3600 };
 * const proxy = createAksProxy({
 *   fetch: () => Promise.resolve(Response.json(body)),
 *   env: { AZURE_TENANT_ID: "contoso.com", AZURE_CLIENT_ID: "my-app", AZURE_FEDERATED_TOKEN_FILE: "/token" },
 *   files: { "/token": `e30.${btoa('{"sub":"me"}')}.c2ln` },
 * });
 *
 * const credential = new WorkloadIdentityCredential({ ...proxy.options, enableAzureProxy: true });
 * assert.equal((await credential.getToken("https://storage.azure.com/.default")).token, "a-token");
 * assert.equal(proxy.requests[0]?.path, "/contoso.com/oauth2/v2.0/token");
 * ```
 *
 * @see https://learn.microsoft.com/azure/aks/identity-bindings-concepts
 */
export function createAksProxy(options: AksProxyOptions): AksProxy {
  checkMembers(options, "option of createAksProxy", OPTIONS);
  const { fetch, path = "/", env: furtherEnv, files: furtherFiles, clock } = options;
  const base = path.replace(/\/?$/, "/");
  let authority = createAuthority();
  const files = new Map([[CA_FILE, authority], ...Object.entries(furtherFiles ?? {})]);
  const env = withoutUndefined({
    AZURE_KUBERNETES_TOKEN_PROXY: `https://${HOST}${path}`,
    AZURE_KUBERNETES_SNI_NAME: SNI_NAME,
    AZURE_KUBERNETES_CA_FILE: CA_FILE,
    ...furtherEnv,
  });

  const service = createSimulatedService<MachineFault>(async (exchange) => {
    const { request } = exchange;
    const fault = await exchange.nextFault();
    async function respond(): Promise<Response> {
      const { pathname, search } = new URL(request.url);
      if (request.method !== "POST" || !pathname.startsWith(base) || !pathname.endsWith("/token")) {
        return new Response("404 page not found\n", { status: 404 });
      }
      const url = `https://login.microsoftonline.com/${pathname.slice(base.length)}${search}`;
      return await fetch(url, { method: "POST", body: new URLSearchParams(request.form) });
    }
    if (fault === undefined) return await respond();
    if (typeof fault === "string") return await respondWithFault(fault, { ...exchange, respond, sleep: clock?.sleep });
    return faultResponse(fault, 502, "Simulated error");
  }, checkMachineFault);

  return {
    ...service,
    fetch: () => Promise.reject(new TypeError("fetch failed: Unknown certification authority (simulated)")),
    env,
    files,
    options: {
      env,
      fetch: () => Promise.reject(new TypeError("fetch failed: No way out of the pod (simulated)")),
      runtime: {
        readTextFile: fileReader(files),
        tlsFetch: ({ ca, serverName }) => (input, init) => {
          const { protocol, host } = new URL(input instanceof Request ? input.url : String(input));
          const isTrusted = protocol === "https:" && host === HOST && serverName === SNI_NAME &&
            ca?.includes(authority);
          if (isTrusted) return service.fetch(input, init);
          return Promise.reject(new TypeError("fetch failed: Unknown certification authority (simulated)"));
        },
        ...clock && { now: clock.now, sleep: clock.sleep },
      },
    },
    rotate: () => authority = createAuthority(),
  };
}

/** Returns a placeholder for a certificate, in PEM format. */
function createAuthority(): string {
  return `-----BEGIN CERTIFICATE-----\n${btoa(`0${crypto.randomUUID()}`)}\n-----END CERTIFICATE-----`;
}
