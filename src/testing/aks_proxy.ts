import { answerAsGiven, answerWithFault } from "./faults.ts";
import type { MachineClock, MachineFault, MachineRuntime } from "./machine_options.ts";
import { createSimulatedService, type SimulatedService } from "./simulated_service.ts";

/** What {@linkcode createAksProxy} accepts. */
export interface AksProxyOptions {
  /** Answers what is forwarded: `fetch` of a simulated Entra. */
  readonly fetch: typeof fetch;
  /** The path that it listens at. Default: `"/"`. */
  readonly path?: string;
  /** More variables of the pod, or others than the proxy's; `undefined` takes one away. Default: none. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** More files of the pod, such as that of its token. Default: none. */
  readonly files?: Readonly<Record<string, string>>;
  /** What tells the time and waits, such as `createFakeClock()`. Default: real time. */
  readonly clock?: MachineClock;
}

/** The token proxy of a simulated cluster, and the pod that has it. Its `fetch` fails: nobody vouches for the proxy's certificate. */
export interface AksProxy extends SimulatedService<MachineFault> {
  /** The variables of the pod; what is changed here is seen by credentials. */
  readonly env: Record<string, string>;
  /** The files of the pod, by their paths. */
  readonly files: Map<string, string>;
  /** Options of credentials that find themselves in the pod. Their `fetch` reaches nothing. */
  readonly options: {
    /** The variables of the pod. */
    readonly env: Readonly<Record<string, string>>;
    /** Reaches nothing. */
    readonly fetch: typeof fetch;
    /** The pod's files, its clock if it has one, and the way to the proxy for whoever trusts its authority and asks for its name. */
    readonly runtime: Pick<MachineRuntime, "readTextFile" | "tlsFetch"> & Partial<MachineClock>;
  };
  /** Gives the proxy a certificate of another authority. Returns that, PEM, which is in no file yet. */
  rotate(): string;
}

const HOST = "aks-proxy.example";
const SNI_NAME = "00000000.ests.aks.example";
const CA_FILE = "/etc/kubernetes/proxy/ca.crt";

/**
 * Makes a simulated token proxy of Azure Kubernetes Service, as pods with an
 * {@link https://learn.microsoft.com/azure/aks/identity-bindings-concepts | identity binding} have it: it forwards what comes to the token
 * endpoints of Entra, and has a name and a certification authority of its own, which four variables tell. Authorities are stand-ins here,
 * compared letter by letter.
 *
 * @example A pod
 * ```ts
 * import { WorkloadIdentityCredential } from "@azweb/identity";
 * import { createAksProxy } from "@azweb/identity/testing";
 * import assert from "node:assert/strict";
 *
 * const answer = { access_token: "a-token", token_type: "Bearer", expires_in: 3600 };
 * const proxy = createAksProxy({
 *   fetch: () => Promise.resolve(Response.json(answer)),
 *   env: { AZURE_TENANT_ID: "contoso.com", AZURE_CLIENT_ID: "my-app", AZURE_FEDERATED_TOKEN_FILE: "/token" },
 *   files: { "/token": `e30.${btoa('{"sub":"me"}')}.c2ln` },
 * });
 *
 * const credential = new WorkloadIdentityCredential({ ...proxy.options, enableAzureProxy: true });
 * assert.equal((await credential.getToken("https://storage.azure.com/.default")).token, "a-token");
 * assert.equal(proxy.requests[0]?.path, "/contoso.com/oauth2/v2.0/token");
 * ```
 */
export function createAksProxy({ fetch, path = "/", env: more, files: moreFiles, clock }: AksProxyOptions): AksProxy {
  const base = path.replace(/\/?$/, "/");
  let authority = createAuthority();
  const files = new Map([[CA_FILE, authority], ...Object.entries(moreFiles ?? {})]);
  const variables: Record<string, string | undefined> = {
    AZURE_KUBERNETES_TOKEN_PROXY: `https://${HOST}${path}`,
    AZURE_KUBERNETES_SNI_NAME: SNI_NAME,
    AZURE_KUBERNETES_CA_FILE: CA_FILE,
    ...more,
  };
  const env = Object.fromEntries(
    Object.entries(variables).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );

  const service = createSimulatedService<MachineFault>(async ({ asked, next, signal }) => {
    const fault = await next();
    async function good(): Promise<Response> {
      const { pathname, search } = new URL(asked.url);
      if (asked.method !== "POST" || !pathname.startsWith(base) || !pathname.endsWith("/token")) {
        return new Response("404 page not found\n", { status: 404 });
      }
      const url = `https://login.microsoftonline.com/${pathname.slice(base.length)}${search}`;
      return await fetch(url, { method: "POST", body: new URLSearchParams(asked.form) });
    }
    if (fault === undefined) return await good();
    if (typeof fault === "string") return await answerWithFault(fault, { asked, signal, good, sleep: clock?.sleep });
    return answerAsGiven(fault, 502, "Simulated error");
  });

  return {
    ...service,
    fetch: () => Promise.reject(new TypeError("fetch failed: Certificate that nobody vouches for (simulated)")),
    env,
    files,
    options: {
      env,
      fetch: () => Promise.reject(new TypeError("fetch failed: No way out of the pod (simulated)")),
      runtime: {
        // deno-lint-ignore require-await
        readTextFile: async (path) => {
          const text = files.get(path);
          if (text !== undefined) return text;
          throw Object.assign(new Error(`ENOENT: No such file, "${path}" (simulated)`), { code: "ENOENT" });
        },
        tlsFetch: ({ ca, serverName }) => (input, init) => {
          const { protocol, host } = new URL(input instanceof Request ? input.url : String(input));
          const isTrusted = protocol === "https:" && host === HOST && serverName === SNI_NAME &&
            ca?.includes(authority);
          if (isTrusted) return service.fetch(input, init);
          return Promise.reject(new TypeError("fetch failed: Certificate that nobody vouches for (simulated)"));
        },
        ...clock && { now: clock.now, sleep: clock.sleep },
      },
    },
    rotate: () => authority = createAuthority(),
  };
}

/** Looks like a certificate to whoever does not look inside. */
function createAuthority(): string {
  return `-----BEGIN CERTIFICATE-----\n${btoa(`0${crypto.randomUUID()}`)}\n-----END CERTIFICATE-----`;
}
