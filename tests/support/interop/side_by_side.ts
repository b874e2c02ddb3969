import type { AccessToken, TokenCredentialOptions } from "@azure/identity";
import * as theirs from "@azure/identity";
import * as ours from "@azweb/identity";
import {
  type AzurePipelinesOptions,
  createAzurePipelines,
  createEntra,
  type Entra,
  type EntraOptions,
  type RecordedRequest,
} from "@azweb/identity/testing";
import process from "node:process";

/** `@azweb/identity` or `@azure/identity`. A scenario runs with both. */
export type Library = typeof ours | typeof theirs;

/**
 * The common options of both libraries. They exclude `undefined`, which the types of `@azure/identity` do not accept
 * with exact optional properties.
 */
export type Options =
  & { [Name in keyof ours.CredentialOptions]: Exclude<ours.CredentialOptions[Name], undefined> }
  & TokenCredentialOptions;

/** Records a value to compare. */
export type Note = (name: string, value: unknown) => void;

/** A scenario for both libraries. */
export interface Scenario {
  readonly entra: EntraOptions;
  /** The job of Azure Pipelines in which the code runs. Default: a job without service connections. */
  readonly job?: AzurePipelinesOptions;
  /** The environment variables. No others begin with `AZURE_`. */
  readonly env: Readonly<Record<string, string>>;
  /** Runs the scenario and returns the last token. */
  run(library: Library, options: Options, note: Note, entra: Entra): Promise<AccessToken>;
}

/** The values to compare, by their names such as `"form grant_type"`. */
export type Observations = Readonly<Record<string, string>>;

/** Runs a scenario with both libraries, each with its own simulated Entra. Returns the requests and the results. */
export async function observe(
  { entra, job, env, run }: Scenario,
): Promise<{ ours: Observations; theirs: Observations }> {
  const forOurs = createEntra(entra);
  const forTheirs = createEntra(entra);
  const [ourJob, theirJob] = [forOurs, forTheirs].map(({ fetch }) =>
    createAzurePipelines({ serviceConnections: [], ...job, fetch })
  );
  const ourOptions = { fetch: ourJob!.fetch, cache: new Map() } as Options;
  const theirOptions = { httpClient: httpClientOf(theirJob!.fetch) } as Options;
  return await withEnv(env, async () => ({
    ours: await watch((note) => run(ours, ourOptions, note, forOurs), () => [ourJob!, forOurs]),
    theirs: await watch((note) => run(theirs, theirOptions, note, forTheirs), () => [theirJob!, forTheirs]),
  }));
}

/** Runs a scenario with one library. Returns what its requests contain, the notes, and the token or error. */
async function watch(
  run: (note: Note) => Promise<AccessToken>,
  services: () => readonly { readonly requests: readonly RecordedRequest[] }[],
): Promise<Observations> {
  const started = Date.now();
  const notes: Record<string, string> = {};
  const outcome = await run((name, value) => notes[name] = String(value))
    .then((token) => describeToken(token, started), describeError);
  const requests = services().flatMap(({ requests }) => requests);
  const tokenRequests = requests.filter(({ method }) => method === "POST");
  const assertions = tokenRequests.flatMap(({ form }) => form.client_assertion ?? []);
  return {
    requests: requests.map(({ method, url }) => `${method} ${method === "POST" ? url.split("?")[0] : url}`).join(", "),
    ...Object.assign({}, ...tokenRequests.map((request) => describeRequest(request, started))),
    ...assertions.length > 1 && { "different assertions": `${new Set(assertions).size} of ${assertions.length}` },
    ...notes,
    ...outcome,
  };
}

function describeToken(token: AccessToken, started: number): Observations {
  const { aud, appid, tid, idtyp, xms_cc } = decodePart(token.token.split(".")[1]);
  const { expiresOnTimestamp, refreshAfterTimestamp, tokenType } = token;
  return {
    outcome: "a token",
    ...named("token", { aud, appid, tid, idtyp, ...xms_cc !== undefined && { xms_cc } }),
    "result members": Object.keys(token).sort().join(),
    "result expiresOnTimestamp": fromStart(expiresOnTimestamp, started),
    "result refreshAfterTimestamp": refreshAfterTimestamp ? fromStart(refreshAfterTimestamp, started) : "none",
    "result tokenType": String(tokenType),
  };
}

function describeError(error: unknown): Observations {
  const { name, message, statusCode, errorResponse } = error as ours.AuthenticationError;
  return {
    outcome: name,
    "error statusCode": String(statusCode),
    "error errorResponse": errorResponse ? `${errorResponse.error} ${errorResponse.errorCodes}` : "none",
    "error codes in message": [...new Set(message.match(/AADSTS\d+/g))].join(),
  };
}

function describeRequest({ url, headers, form }: RecordedRequest, started: number): Observations {
  const { client_assertion, ...fields } = form;
  return {
    ...named("query", Object.fromEntries(new URL(url).searchParams)),
    ...named("header", headers),
    ...named("form", fields),
    ...client_assertion !== undefined && describeAssertion(client_assertion, started),
  };
}

function describeAssertion(assertion: string, started: number): Observations {
  const [header, payload] = assertion.split(".").slice(0, 2).map(decodePart);
  const times = Object.entries(payload!).filter(([name]) => ["iat", "nbf", "exp"].includes(name));
  const relative = times.map(([name, seconds]) => [name, fromStart(Number(seconds) * 1000, started)]);
  return {
    ...named("assertion header", header!),
    ...named("assertion claim", { ...payload, ...Object.fromEntries(relative) }),
  };
}

function fromStart(time: number, started: number): string {
  return `in ${Math.round((time - started) / 60_000)} min`;
}

/** Returns the values with a prefix before each name, such as `"form"`. */
function named(prefix: string, values: Record<string, unknown>): Observations {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix} ${name}`, textOf(value)]));
}

/** Returns a value as text. GUIDs, which differ in each run, are replaced. */
function textOf(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  // Keeps the prefixes of the ids that the simulated Entra creates.
  return text.replace(/^(code-|device-|1\.)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, "$1a GUID");
}

function decodePart(part = ""): Record<string, unknown> {
  return JSON.parse(atob(part.replaceAll("-", "+").replaceAll("_", "/")));
}

/** Returns the HTTP client that `@azure/identity` accepts as an option. */
export function httpClientOf(fetch: typeof globalThis.fetch): NonNullable<TokenCredentialOptions["httpClient"]> {
  return {
    async sendRequest(request) {
      const { url, method, body } = request;
      const response = await fetch(url, { method, headers: request.headers.toJSON(), body: body as string });
      const headers = Object.assign(response.headers, { toJSON: () => Object.fromEntries(response.headers) });
      return { request, status: response.status, headers: headers as never, bodyAsText: await response.text() };
    },
  };
}

/** Runs a body with these environment variables, and no others that begin with `AZURE_`. */
export async function withEnv<T>(env: Readonly<Record<string, string>>, run: () => Promise<T>): Promise<T> {
  const before = Object.entries(process.env).filter(([name]) => name.startsWith("AZURE_") || name in env);
  for (const [name] of before) delete process.env[name];
  Object.assign(process.env, env);
  try {
    return await run();
  } finally {
    for (const name of Object.keys(env)) delete process.env[name];
    Object.assign(process.env, Object.fromEntries(before));
  }
}
