import type { RecordedRequest } from "../simulated_service.ts";
import { errorPage, handleAuthorizationRequest } from "./authorize_endpoint.ts";
import { handleDeviceAuthorizationRequest } from "./device_codes.ts";
import type { Directory } from "./directory.ts";
import { discoverInstance, openidConfiguration } from "./discovery.ts";
import { ServiceError, serviceErrorBody, type Trace } from "./service_error.ts";
import { publicKeys } from "./signing_key.ts";
import { handleTokenRequest } from "./token_endpoint.ts";

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

/** Returns Entra's response to a request. */
export async function handleRequest(request: RecordedRequest, trace: Trace, directory: Directory): Promise<Response> {
  const [tenant = "", ...rest] = request.path.slice(1).replace(/\/$/, "").split("/");
  const path = rest.join("/");
  if (path === pathsOf(tenant).authorize) return authorize(request, tenant, trace, directory);
  try {
    const body = await route(request, tenant, path, directory);
    return body ? json(200, body, trace) : new Response("Not found", { status: 404 });
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    // Active Directory Federation Services has no AADSTS codes.
    const body = tenant === "adfs"
      ? { error: error.error, error_description: error.message }
      : serviceErrorBody(error, trace);
    return json(error.status, body, trace);
  }
}

function authorize(request: RecordedRequest, tenant: string, trace: Trace, directory: Directory): Response {
  try {
    const parameters = request.method === "POST" ? request.form : request.query;
    return handleAuthorizationRequest({ tenant, parameters }, trace, directory);
  } catch (error) {
    if (error instanceof ServiceError) return errorPage(error);
    throw error;
  }
}

function pathsOf(tenant: string): typeof ENTRA {
  return tenant === "adfs" ? ADFS : ENTRA;
}

/** Returns the body of the response, `undefined` for an unknown path. */
async function route(
  request: RecordedRequest,
  tenant: string,
  path: string,
  directory: Directory,
): Promise<Record<string, unknown> | undefined> {
  const { method, form } = request;
  const received = new URL(request.url);
  const url = new URL(received.pathname + received.search, directory.origin ?? received.origin);
  const paths = pathsOf(tenant);
  if (path === paths.token || path === paths.device) {
    if (method !== "POST") throw new ServiceError(900561, { method });
    const formRequest = { url, tenant, form };
    return path === paths.token
      ? await handleTokenRequest(formRequest, directory)
      : handleDeviceAuthorizationRequest(formRequest, directory);
  }
  if (method !== "GET") return undefined;
  if (path === paths.metadata) return openidConfiguration(url, tenant, directory);
  if (path === paths.keys) return { ...await publicKeys() };
  return path === "discovery/instance" ? discoverInstance(url, directory) : undefined;
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
 * Adds the CORS headers of Entra: every origin may read the response. No `access-control-allow-headers` is among them,
 * so that a browser's preflight request for a custom header fails, as with the real service.
 */
export function addCorsHeaders(response: Response): Response {
  response.headers.set("access-control-allow-origin", "*");
  response.headers.set("access-control-allow-methods", "POST, OPTIONS");
  response.headers.set("access-control-expose-headers", "Content-Length,Content-Encoding,x-ms-request-id,x-ms-srs");
  return response;
}
