import { answerAuthorizeCall, refusalPage } from "./authorize_endpoint.ts";
import { answerDeviceCall } from "./device_codes.ts";
import type { Directory } from "./directory.ts";
import { answerInstanceDiscovery, openidConfiguration } from "./discovery.ts";
import { Refusal, refusalBody, type Trace } from "./refusal.ts";
import type { EntraRequest } from "./request_record.ts";
import { publishedKeys } from "./signing_key.ts";
import { answerTokenCall } from "./token_endpoint.ts";

const ENTRA = {
  token: "oauth2/v2.0/token",
  authorize: "oauth2/v2.0/authorize",
  device: "oauth2/v2.0/devicecode",
  metadata: "v2.0/.well-known/openid-configuration",
  keys: "discovery/v2.0/keys",
};
const ADFS = {
  token: "oauth2/token",
  authorize: "oauth2/authorize",
  device: "oauth2/devicecode",
  metadata: ".well-known/openid-configuration",
  keys: "discovery/keys",
};

/** Answers as Entra does. */
export async function answerRequest(asked: EntraRequest, trace: Trace, directory: Directory): Promise<Response> {
  const [tenant = "", ...rest] = asked.path.slice(1).replace(/\/$/, "").split("/");
  const path = rest.join("/");
  if (path === pathsOf(tenant).authorize) return authorize(asked, tenant, trace, directory);
  try {
    const body = await route(asked, tenant, path, directory);
    return body ? json(200, body, trace) : new Response("Not found", { status: 404 });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    // Active Directory Federation Services has no codes.
    const body = tenant === "adfs"
      ? { error: error.error, error_description: error.message }
      : refusalBody(error, trace);
    return json(error.status, body, trace);
  }
}

function authorize(asked: EntraRequest, tenant: string, trace: Trace, directory: Directory): Response {
  try {
    const parameters = asked.method === "POST" ? asked.form : asked.query;
    return answerAuthorizeCall({ tenant, parameters }, trace, directory);
  } catch (error) {
    if (error instanceof Refusal) return refusalPage(error);
    throw error;
  }
}

function pathsOf(tenant: string): typeof ENTRA {
  return tenant === "adfs" ? ADFS : ENTRA;
}

async function route(
  asked: EntraRequest,
  tenant: string,
  path: string,
  directory: Directory,
): Promise<Record<string, unknown> | undefined> {
  const { method, form } = asked;
  const url = new URL(asked.url);
  const paths = pathsOf(tenant);
  if (path === paths.token || path === paths.device) {
    if (method !== "POST") throw new Refusal(900561, { method });
    const call = { url, tenant, form };
    return path === paths.token ? await answerTokenCall(call, directory) : answerDeviceCall(call, directory);
  }
  if (method !== "GET") return undefined;
  if (path === paths.metadata) return openidConfiguration(url, tenant, directory);
  if (path === paths.keys) return { ...await publishedKeys() };
  return path === "discovery/instance" ? answerInstanceDiscovery(url, directory) : undefined;
}

function json(status: number, body: Record<string, unknown>, { traceId }: Trace): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: {
      "cache-control": "no-store, no-cache",
      "content-type": "application/json; charset=utf-8",
      "x-ms-request-id": traceId,
    },
  });
}

/**
 * Lets every page read the answer, as Entra does. It allows no header beyond those that need no permission, so that a browser that asks
 * before it sends another one is turned down.
 */
export function allowOrigins(response: Response): Response {
  response.headers.set("access-control-allow-origin", "*");
  response.headers.set("access-control-allow-methods", "POST, OPTIONS");
  response.headers.set("access-control-expose-headers", "Content-Length,Content-Encoding,x-ms-request-id,x-ms-srs");
  return response;
}
