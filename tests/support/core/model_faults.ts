/**
 * The failures of services, tools and files, and their outcomes, as data.
 *
 * @module
 */
import type { CommandOutput } from "@azweb/identity/runtime";
import { type Asked, jsonAnswer, silence } from "../service.ts";
import { hang, noProgram, type Started } from "../developer_tools/tool.ts";

/** The meaning of a response to the probe for a metadata service. */
export type ProbeOutcome = "recognised" | "absent" | "inconclusive" | "absent or inconclusive";

/** A failure of a request. */
export interface HttpFault {
  answer(asked: Asked): unknown;
  /**
   * What it means if the probe gets this response. If a token request gets it, the credential is configured and fails.
   */
  readonly probe: ProbeOutcome;
  /** The `Retry-After` of the response, in milliseconds. */
  readonly retryAfterInMs?: number;
}

const page = "<!doctype html><title>Sign in to the network</title>";

function text(status: number, body: string, headers: Record<string, string> = {}): () => Response {
  return () => new Response(body, { status, headers });
}

function error(status: number, code: string, description: string): () => Response {
  return () => jsonAnswer({ error: code, error_description: description }, { status });
}

function broken(): Response {
  const pull = (controller: ReadableStreamDefaultController) => controller.error(new TypeError("read ECONNRESET"));
  return new Response(new ReadableStream({ pull }, { highWaterMark: 0 }), { status: 200 });
}

/** The failures of requests, by name. */
export const HTTP_FAULTS: Readonly<Record<string, HttpFault>> = {
  "connection refused": { answer: () => Promise.reject(new TypeError("connect ECONNREFUSED")), probe: "absent" },
  "connection reset": { answer: () => Promise.reject(new TypeError("read ECONNRESET")), probe: "absent" },
  "reset in the body": { answer: broken, probe: "absent" },
  "silent": { answer: silence, probe: "absent" },
  "400 invalid_resource": {
    answer: error(400, "invalid_resource", "AADSTS500011: The resource principal was not found in the tenant"),
    probe: "recognised",
  },
  "400 invalid_request": { answer: error(400, "invalid_request", "The request is not valid"), probe: "recognised" },
  "400 Identity not found": { answer: error(400, "invalid_request", "Identity not found"), probe: "recognised" },
  "400 multiple identities": {
    answer: error(400, "invalid_request", "Multiple user assigned identities exist, please specify the clientId"),
    probe: "recognised",
  },
  "400 unauthorized_client": { answer: error(400, "unauthorized_client", "Access is denied"), probe: "recognised" },
  "400 of App Service": {
    answer: () =>
      jsonAnswer({ statusCode: 400, message: "Unable to load the proper Managed Identity." }, { status: 400 }),
    probe: "absent or inconclusive",
  },
  "400 of Service Fabric": {
    answer: () => jsonAnswer({ error: { code: "ManagedIdentityNotFound", message: "Not found" } }, { status: 400 }),
    probe: "recognised",
  },
  "400 without the header": {
    answer: text(400, "Required metadata header not specified or not correct"),
    probe: "recognised",
  },
  "400 empty": { answer: text(400, ""), probe: "recognised" },
  "401": { answer: text(401, "MMDS token not valid"), probe: "absent" },
  "403 page": { answer: text(403, page), probe: "absent" },
  "403 unreachable": {
    answer: text(403, "connecting to 169.254.169.254:80: dial tcp: A socket operation to an unreachable network"),
    probe: "absent",
  },
  "404": { answer: text(404, ""), probe: "absent" },
  "410": { answer: text(410, ""), probe: "recognised" },
  "429": {
    answer: text(429, '{"error":"too_many_requests"}', { "retry-after": "20" }),
    probe: "recognised",
    retryAfterInMs: 20_000,
  },
  "500": { answer: text(500, "Internal Server Error"), probe: "inconclusive" },
  "503": { answer: text(503, ""), probe: "inconclusive" },
  "500 JSON": { answer: error(500, "server_error", "Try again later"), probe: "recognised" },
  "503 JSON": { answer: error(503, "unavailable", "Try again later"), probe: "recognised" },
  "502 page": { answer: text(502, page), probe: "absent or inconclusive" },
  "504 page": { answer: text(504, page), probe: "absent or inconclusive" },
  "200 page": { answer: text(200, page), probe: "absent" },
  "200 without a token": { answer: () => jsonAnswer({ token_type: "Bearer" }), probe: "absent or inconclusive" },
  "expired token": {
    answer: () => jsonAnswer({ access_token: "old", token_type: "Bearer", expires_on: "1000000000", expires_in: 0 }),
    probe: "recognised",
  },
  "redirect": { answer: text(302, "", { location: "https://portal.example/" }), probe: "absent" },
};

/** Returns the error that Deno throws if the program lacks a permission. */
export function notCapable(): Error {
  return Object.assign(new Error("Requires access, run again with the flag"), { name: "NotCapable" });
}

/** A failure of a developer tool. The outcome is `"absent"` if the tool cannot be started, else `"inconclusive"`. */
export interface ToolFault {
  behave(started: Started): unknown;
  readonly outcome: "absent" | "inconclusive";
}

function stderr(words: string): () => Partial<CommandOutput> {
  return () => ({ code: 1, stderr: words });
}

/** The failures of tools, by name. */
export const TOOL_FAULTS: Readonly<Record<string, ToolFault>> = {
  "not installed": { behave: () => noProgram(), outcome: "absent" },
  "no permission to run": { behave: notCapable, outcome: "absent" },
  "refused": {
    behave: stderr("AADSTS50076: Due to a configuration change, use multi-factor authentication"),
    outcome: "inconclusive",
  },
  "crash": { behave: stderr("Traceback (most recent call last): ModuleNotFoundError"), outcome: "inconclusive" },
  "unreadable": { behave: () => ({ stdout: "Hello" }), outcome: "inconclusive" },
  "hangs": { behave: hang, outcome: "inconclusive" },
};

/** The failures of a file that configures a credential: the error of reading it, or its content. */
export const FILE_FAULTS: Readonly<Record<string, () => Error | string>> = {
  "missing": () => Object.assign(new Error("No such file"), { code: "ENOENT" }),
  "no permission to read": notCapable,
  "empty": () => "",
  "garbage": () => "not a token",
};
