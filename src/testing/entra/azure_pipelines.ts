import { checkMembers } from "../check_members.ts";
import { checkMachineFault, faultResponse, type MachineFault, respondWithFault } from "../faults.ts";
import { createSimulatedService, type RecordedRequest, type SimulatedService } from "../simulated_service.ts";
import type { EntraFederatedCredential } from "./entra_options.ts";
import { publicKeys, sign } from "./signing_key.ts";

/** Options of {@linkcode createAzurePipelines}. */
export interface AzurePipelinesOptions {
  /** The ids of the service connections that the job may use. */
  readonly serviceConnections: readonly string[];
  /** The access token of the job. Random by default. */
  readonly systemAccessToken?: string;
  /** Sends requests for other hosts: `fetch` of a simulated Entra. By default such requests fail. */
  readonly fetch?: typeof fetch;
  /**
   * Returns the time, in milliseconds since the epoch.
   *
   * @default {Date.now}
   */
  readonly now?: () => number;
}

const OPTIONS: Readonly<Record<keyof AzurePipelinesOptions, true>> = {
  serviceConnections: true,
  systemAccessToken: true,
  fetch: true,
  now: true,
};

/** A simulated job of Azure Pipelines: see {@linkcode createAzurePipelines}. */
export interface AzurePipelines extends SimulatedService<MachineFault> {
  /** The environment variables of the job. */
  readonly env: Readonly<Record<string, string>>;
  /** The access token of the job, `$(System.AccessToken)`. */
  readonly systemAccessToken: string;
  /**
   * Returns the federated credential with which an app in Entra trusts a service connection.
   *
   * @param serviceConnectionId The id of the service connection.
   */
  federatedCredential(serviceConnectionId: string): Promise<EntraFederatedCredential>;
}

const ORGANIZATION = "https://dev.azure.com/contoso/";
const ISSUER = "https://vstoken.dev.azure.com/0f0f0f0f-0000-0000-0000-000000000000";
const AUDIENCE = "api://AzureADTokenExchange";
const LIFETIME_IN_S = 600;
/** Identify a request at Azure DevOps. */
const TRACE_HEADERS = { "x-msedge-ref": "Ref A: simulated", "x-vss-e2eid": "simulated" };

/**
 * Creates a simulated job of Azure Pipelines, which issues OIDC tokens of service connections.
 *
 * @param options See {@linkcode AzurePipelinesOptions}.
 * @throws {TypeError} An option is unknown.
 *
 * @example Authenticate as an app with a service connection
 * ```ts
 * import { AzurePipelinesCredential } from "@azweb/identity";
 * import { createAzurePipelines, createEntra } from "@azweb/identity/testing";
 * import assert from "node:assert/strict";
 *
 * const job = createAzurePipelines({ serviceConnections: ["my-connection"], fetch: (url, init) => entra.fetch(url, init) });
 * const federatedCredentials = [await job.federatedCredential("my-connection")];
 * const entra = createEntra({ apps: [{ tenantId: "contoso.com", clientId: "my-app", federatedCredentials }] });
 *
 * const { env, fetch, systemAccessToken } = job;
 * const credential = new AzurePipelinesCredential("contoso.com", "my-app", "my-connection", systemAccessToken, { env, fetch });
 * const { token } = await credential.getToken("https://vault.azure.net/.default");
 * assert.equal((await entra.verify(token)).appid, "my-app");
 * ```
 *
 * @see https://learn.microsoft.com/rest/api/azure/devops/distributedtask/oidctoken/create
 */
export function createAzurePipelines(options: AzurePipelinesOptions): AzurePipelines {
  checkMembers(options, "option of createAzurePipelines", OPTIONS);
  const { serviceConnections, now = Date.now, fetch } = options;
  const systemAccessToken = options.systemAccessToken ?? `job-${crypto.randomUUID()}`;
  const endpoint = new URL(
    "a-project/_apis/distributedtask/hubs/build/plans/a-plan/jobs/a-job/oidctoken",
    ORGANIZATION,
  );

  const service = createSimulatedService<MachineFault>(async (exchange) => {
    const fault = await exchange.nextFault();
    const respond = () => handleRequest(exchange.request);
    if (fault === undefined) return await respond();
    if (typeof fault === "string") return await respondWithFault(fault, { ...exchange, respond });
    return faultResponse(fault, 500, JSON.stringify({ message: "Simulated error" }));
  }, checkMachineFault);

  async function handleRequest({ method, path, query, headers }: RecordedRequest): Promise<Response> {
    if (path !== endpoint.pathname) return json(404, { message: `The resource "${path}" cannot be found` });
    if (headers.authorization !== `Bearer ${systemAccessToken}`) {
      // Azure DevOps redirects to a sign-in page, unless the client suppresses that.
      if (headers["x-tfs-fedauthredirect"] === "Suppress") {
        return new Response("", { status: 401, headers: TRACE_HEADERS });
      }
      return new Response(null, { status: 302, headers: { location: "https://spsprodweu1.vssps.visualstudio.com/" } });
    }
    if (method !== "POST" || query["api-version"] !== "7.1") {
      return json(400, { message: "Unknown version of the API" });
    }
    const id = query.serviceConnectionId ?? "";
    if (!serviceConnections.includes(id)) return json(404, { message: `No service connection "${id}" for this job` });
    const seconds = Math.floor(now() / 1000);
    const oidcToken = await sign({
      iss: ISSUER,
      sub: subjectOf(id),
      aud: AUDIENCE,
      jti: crypto.randomUUID(),
      iat: seconds,
      nbf: seconds,
      exp: seconds + LIFETIME_IN_S,
    });
    return json(200, { oidcToken });
  }

  return {
    ...service,
    fetch(input, init) {
      const { host } = new URL(input instanceof Request ? input.url : String(input));
      if (host === endpoint.host) return service.fetch(input, init);
      return fetch ? fetch(input, init) : Promise.reject(new TypeError("fetch failed: No such host (simulated)"));
    },
    env: { SYSTEM_OIDCREQUESTURI: endpoint.href },
    systemAccessToken,
    federatedCredential: async (id) => ({
      issuer: ISSUER,
      subject: subjectOf(id),
      audience: AUDIENCE,
      jwks: await publicKeys(),
    }),
  };
}

function subjectOf(serviceConnectionId: string): string {
  return `sc://contoso/a-project/${serviceConnectionId}`;
}

function json(status: number, body: object): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { "content-type": "application/json; charset=utf-8", ...TRACE_HEADERS },
  });
}
