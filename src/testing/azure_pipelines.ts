import type { EntraFederatedCredential } from "./entra_options.ts";
import { answerAsGiven, answerWithFault } from "./faults.ts";
import type { MachineFault } from "./machine_options.ts";
import type { RecordedRequest } from "./request_record.ts";
import { publishedKeys, sign } from "./signing_key.ts";
import { createSimulatedService, type SimulatedService } from "./simulated_service.ts";

/** What {@linkcode createAzurePipelines} accepts. */
export interface AzurePipelinesOptions {
  /** The ids of the service connections that the job may use. */
  readonly serviceConnections: readonly string[];
  /** The job's token. Default: one made up. */
  readonly systemAccessToken?: string;
  /** Answers what is for other hosts: `fetch` of a simulated Entra. Default: nothing is reached. */
  readonly fetch?: typeof fetch;
  /** The time, in milliseconds since the epoch. Default: `Date.now`. */
  readonly now?: () => number;
}

/** A job of a simulated Azure Pipelines: see {@linkcode createAzurePipelines}. */
export interface AzurePipelines extends SimulatedService<MachineFault> {
  /** The variables of the job. */
  readonly env: Readonly<Record<string, string>>;
  /** The job's token, `$(System.AccessToken)`. */
  readonly systemAccessToken: string;
  /** Returns what an app in Entra registers, so that the service connection may act as it. */
  federatedCredential(serviceConnectionId: string): Promise<EntraFederatedCredential>;
}

const ORGANIZATION = "https://dev.azure.com/contoso/";
const ISSUER = "https://vstoken.dev.azure.com/0f0f0f0f-0000-0000-0000-000000000000";
const AUDIENCE = "api://AzureADTokenExchange";
const LIFETIME_IN_S = 600;
/** What Microsoft's support asks for. */
const TRACES = { "x-msedge-ref": "Ref A: simulated", "x-vss-e2eid": "simulated" };

/**
 * Makes a job of a simulated Azure Pipelines, which gives
 * {@link https://learn.microsoft.com/rest/api/azure/devops/distributedtask/oidctoken/create | tokens of service connections}.
 *
 * @example A service connection that acts as an app
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
 */
export function createAzurePipelines(options: AzurePipelinesOptions): AzurePipelines {
  const { serviceConnections, now = Date.now, fetch } = options;
  const systemAccessToken = options.systemAccessToken ?? `job-${crypto.randomUUID()}`;
  const endpoint = new URL(
    "a-project/_apis/distributedtask/hubs/build/plans/a-plan/jobs/a-job/oidctoken",
    ORGANIZATION,
  );

  const service = createSimulatedService<MachineFault>(async ({ asked, next, signal }) => {
    const fault = await next();
    const good = () => answer(asked);
    if (fault === undefined) return await good();
    if (typeof fault === "string") return await answerWithFault(fault, { asked, signal, good });
    return answerAsGiven(fault, 500, JSON.stringify({ message: "Simulated error" }));
  });

  async function answer({ method, path, query, headers }: RecordedRequest): Promise<Response> {
    if (path !== endpoint.pathname) return json(404, { message: `The resource "${path}" cannot be found` });
    if (headers.authorization !== `Bearer ${systemAccessToken}`) {
      // As a page to sign in at, unless that is not wanted.
      if (headers["x-tfs-fedauthredirect"] === "Suppress") return new Response("", { status: 401, headers: TRACES });
      return new Response(null, { status: 302, headers: { location: "https://spsprodweu1.vssps.visualstudio.com/" } });
    }
    if (method !== "POST" || query["api-version"] !== "7.1") {
      return json(400, { message: "No such version of the API" });
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
      jwks: await publishedKeys(),
    }),
  };
}

function subjectOf(serviceConnectionId: string): string {
  return `sc://contoso/a-project/${serviceConnectionId}`;
}

function json(status: number, body: object): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { "content-type": "application/json; charset=utf-8", ...TRACES },
  });
}
