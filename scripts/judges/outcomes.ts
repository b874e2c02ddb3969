/**
 * Environments in which a credential of the chain fails, for the comparison with other libraries: the rows of
 * `tests/core/chain_outcomes_test.ts` that can be reproduced with a whole program.
 *
 * @module
 */
import type { LinkName, Place } from "../../tests/support/interop/places.ts";

/** An environment in which a credential fails, and the credential whose token this library must return. */
export interface FailingPlace extends Omit<Place, "expected"> {
  readonly credential: LinkName | "none";
}

const HTML = "<!DOCTYPE html><title>Something else</title>";
const IDENTITY_NOT_FOUND = '{"error":"invalid_request","error_description":"Identity not found"}';
/** The requests after which a library is stopped that retries the metadata service, which would take minutes. */
const MOST_REQUESTS = 4;
/** The same for other services, whose retries end earlier. */
const MOST_RETRIES = 12;

/** Returns a response with the content type of its body, by which the pipelines of other libraries parse it. */
function typed(status: number, body: string) {
  const types = { "{": "application/json", "<!": "text/html", "<?": "application/xml" };
  const [, type = "text/plain"] = Object.entries(types).find(([start]) => body.startsWith(start)) ?? [];
  return { status, body, headers: { "content-type": type } };
}

function json(error: string): string {
  return JSON.stringify({ error, error_description: "A description." });
}

/** Responses to the probe that Azure's metadata service sends, or may send. */
const FOUND: readonly (readonly [name: string, status: number, body: string])[] = [
  ["Azure Container Instances", 400, "Required metadata header not specified or not correct"],
  ["an empty 400", 400, ""],
  ["429", 429, "Too many requests"],
  ["410", 410, ""],
  ["500 with JSON", 500, json("internal")],
  ["503 with JSON", 503, json("unavailable")],
];

/** Responses to the probe that other services send. */
const OTHER: readonly (readonly [name: string, status: number, body: string])[] = [
  ["EC2, 401", 401, "<?xml version='1.0'?><html></html>"],
  ["Firecracker, 401", 401, "No MMDS token provided. Use `X-metadata-token` header."],
  ["a portal, 200", 200, HTML],
  ["a proxy, 403", 403, HTML],
  ["Docker Desktop, 403", 403, "dial tcp: connectex: a socket operation to an unreachable network"],
  ["404", 404, ""],
  ["a proxy, 400", 400, HTML],
  ["502", 502, HTML],
  ["503", 503, ""],
  ["504", 504, ""],
];

/** The variables of App Service, with the address of the simulated machine as its endpoint. */
const APP_SERVICE = { IDENTITY_ENDPOINT: "http://169.254.169.254/msi/token", IDENTITY_HEADER: "a-header" };

/** The environments. */
export const FAILING_PLACES: readonly FailingPlace[] = [
  // No service listens on this address.
  {
    name: "App Service, connection refused, before az",
    links: ["az"],
    env: APP_SERVICE,
    credential: "none",
  },
  ...([["a web page", 200, HTML], ["403", 403, ""], ["500", 500, ""]] as const).map((
    [name, status, body],
  ): FailingPlace => ({
    name: `App Service, ${name}, before az`,
    links: ["az"],
    env: APP_SERVICE,
    state: { machine: typed(status, body) },
    mostRequests: MOST_RETRIES,
    credential: "none",
  })),
  ...FOUND.map(([name, status, body]): FailingPlace => ({
    name: `the metadata service responds once with ${name}, before az`,
    links: ["managed identity", "az"],
    state: { machine: typed(status, body), times: 1 },
    mostRequests: MOST_REQUESTS,
    credential: "managed identity",
  })),
  ...OTHER.map(([name, status, body]): FailingPlace => ({
    name: `another metadata service (${name}) before az`,
    links: ["az"],
    state: { machine: typed(status, body) },
    mostRequests: MOST_REQUESTS,
    credential: "az",
  })),
  {
    name: "the metadata service rejects the resource, before az",
    links: ["managed identity", "az"],
    state: { machine: typed(400, json("invalid_resource")) },
    credential: "none",
  },
  {
    name: "the machine has no identity, before az",
    links: ["managed identity", "az"],
    state: { machine: typed(400, IDENTITY_NOT_FOUND) },
    credential: "az",
  },
  {
    name: "a call for a tenant that is not allowed, environment before az",
    links: ["environment", "az"],
    env: { CALL_TENANT_ID: "99999999-2222-3333-4444-555555555555" },
    credential: "none",
  },
  {
    name: "a call with claims, az before azd",
    links: ["az", "azd"],
    env: { CALL_CLAIMS: '{"access_token":{"nbf":{"essential":true,"value":"1"}}}' },
    credential: "azd",
  },
  {
    name: "a call with two scopes, az before azd",
    links: ["az", "azd"],
    env: { CALL_SCOPES: "https://a.example/x https://a.example/y" },
    credential: "azd",
  },
  {
    name: "a call with two scopes, managed identity before azd",
    links: ["managed identity", "azd"],
    env: { CALL_SCOPES: "https://a.example/x https://a.example/y" },
    credential: "none",
  },
  ...(["refused az", "unreadable az", "hanging az"] as const).map((tool): FailingPlace => ({
    name: `${tool} before azd`,
    links: ["azd"],
    tools: [tool, "azd"],
    // The time limit that is the default of the other libraries.
    env: { CALL_TOOL_TIMEOUT_IN_MS: "10000" },
    credential: "azd",
  })),
  { name: "az without an account before azd", links: ["azd"], tools: ["az", "azd"], credential: "azd" },
  {
    name: "Entra does not know the service principal of the variables, before az",
    links: ["environment", "az"],
    env: { AZURE_CLIENT_ID: "99999999-9999-9999-9999-999999999999" },
    credential: "none",
  },
  {
    name: "Entra is unavailable (503) for the service principal of the variables, before az",
    links: ["environment", "az"],
    state: { machine: "refused", entra: { status: 503 } },
    mostRequests: MOST_RETRIES,
    credential: "none",
  },
];
