/**
 * The environments in which programs that use `DefaultAzureCredential` of different libraries are compared: the
 * available credentials, their failures, and the result that this library must have.
 *
 * @module
 */
import { decodeJwt } from "jose";
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { publicKeys } from "../certificates/assertion.ts";
import { CLIENT, ISSUER, serviceAccountToken, SUBJECT, TENANT } from "../workload.ts";
import type { BoxState } from "./box.ts";
import { type Library, type Programs, startLaptop, type Tool } from "./boxed_laptop.ts";

const DEVELOPER = "55555555-5555-5555-5555-555555555555";
const STRANGER = "99999999-9999-9999-9999-999999999999";
const SECRET = "a-secret";

/** The credentials of the chain, in order. */
export const LINKS = ["environment", "workload identity", "managed identity", "az", "pwsh", "azd"] as const;
export type LinkName = typeof LINKS[number];

/** The name of each credential in `AZURE_TOKEN_CREDENTIALS`. */
const CREDENTIALS: Readonly<Record<LinkName, string>> = {
  environment: "EnvironmentCredential",
  "workload identity": "WorkloadIdentityCredential",
  "managed identity": "ManagedIdentityCredential",
  az: "AzureCliCredential",
  pwsh: "AzurePowerShellCredential",
  azd: "AzureDeveloperCliCredential",
};

/**
 * The requests of each credential if it is the only available one, including those for unavailable credentials before
 * it.
 */
const REQUESTS: Readonly<Record<LinkName, string>> = {
  environment: "entra 200",
  "workload identity": "entra 200",
  "managed identity": "machine 400, machine 200",
  // The Azure CLI sends two requests: for instance discovery and for the token.
  az: "entra 200, entra 200",
  pwsh: "",
  azd: "",
};
const TOOLS: readonly string[] = ["az", "pwsh", "azd"];

/** The environment of a program, and the expected result. */
export interface Place {
  readonly name: string;
  /** The available credentials, which work unless `state` or `env` says otherwise. */
  readonly links: readonly LinkName[];
  /** Additional or changed variables. Default: none. */
  readonly env?: Readonly<Record<string, string>>;
  /** The tools on `PATH`. Default: those of `links`. */
  readonly tools?: readonly Tool[];
  /** Failures of the services. Default: none, and no metadata service if there is no managed identity. */
  readonly state?: BoxState;
  /**
   * The number of requests after which the other libraries are stopped, because some would take minutes. Default: no
   * limit.
   */
  readonly mostRequests?: number;
  readonly expected: Seen;
  /** The expected name and message of the error. Default: no error. */
  readonly error?: RegExp;
}

/** The observed behaviour of a program. */
export interface Seen {
  /** The credential whose token it got; "none" for an error, "still trying" if it was stopped. */
  readonly credential: LinkName | "none" | "still trying";
  /** The services that received requests, and the status of each response. */
  readonly requests: string;
  /** The tools that it ran. */
  readonly processes: string;
}

/** Returns the expected behaviour if the token is that of this credential. */
function alone(link: LinkName): Seen {
  return { credential: link, requests: REQUESTS[link], processes: TOOLS.includes(link) ? link : "" };
}

const NO_CREDENTIAL =
  /^error AggregateAuthenticationError: DefaultAzureCredential: Cannot get a token: No credential is av/m;
export const BY_AZ: Seen = alone("az");
const NONE: Seen = { credential: "none", requests: "", processes: "" };

/** Returns a state in which the metadata service is that of another cloud or a proxy, and responds with a web page. */
export function page(status: number): BoxState {
  return { machine: { status, body: "<!DOCTYPE html><title>Something else</title>" } };
}

export const PLACES: readonly Place[] = [
  { name: "nothing", links: [], expected: NONE, error: NO_CREDENTIAL },
  ...LINKS.map((link): Place => ({ name: `only ${link}`, links: [link], expected: alone(link) })),
  ...LINKS.flatMap((first, index) =>
    LINKS.slice(index + 1).map((second): Place => ({
      name: `${first} before ${second}`,
      links: [first, second],
      expected: alone(first),
    }))
  ),

  { name: "AZURE_TOKEN_CREDENTIALS=prod", links: LINKS, expected: alone("environment") },
  { name: "AZURE_TOKEN_CREDENTIALS=dev", links: LINKS, expected: BY_AZ },
  {
    name: "AZURE_TOKEN_CREDENTIALS=prod with az alone",
    links: ["managed identity", "az"],
    env: { AZURE_CLIENT_ID: STRANGER },
    expected: { ...NONE, requests: "machine 400" },
    error: /^error AggregateAuthenticationError: .*\n[^]* {2}ManagedIdentityCredential +inconclusive .*HTTP 400/m,
  },
  ...LINKS.map((link): Place => ({
    name: `AZURE_TOKEN_CREDENTIALS=${CREDENTIALS[link]}`,
    // Workload identity is also a source of managed identity, and comes first.
    links: LINKS.filter((name) => link !== "managed identity" || name !== "workload identity"),
    // The metadata service is configured, so that no probe is sent.
    expected: link === "managed identity" ? { ...alone(link), requests: "machine 200" } : alone(link),
  })),
  {
    name: "AZURE_TOKEN_CREDENTIALS=laptop",
    links: LINKS,
    expected: NONE,
    error: /^error TypeError: Variable AZURE_TOKEN_CREDENTIALS must be one of "prod", "dev", .*, and is "laptop"$/m,
  },

  {
    name: "a wrong secret before az",
    links: ["environment", "az"],
    env: { AZURE_CLIENT_SECRET: "another-secret" },
    expected: { ...NONE, requests: "entra 401" },
    error: /^error AuthenticationError: .*AADSTS7000215/m,
  },
  {
    name: "a pod that no app trusts, before az",
    links: ["workload identity", "az"],
    env: { AZURE_CLIENT_ID: DEVELOPER },
    expected: { ...NONE, requests: "entra 401" },
    error: /^error AuthenticationError: WorkloadIdentityCredential: .*AADSTS70025/m,
  },
  {
    name: "an AZURE_CLIENT_ID that is not the machine's and may be a service principal's, before az",
    links: ["managed identity", "az"],
    env: { AZURE_CLIENT_ID: STRANGER },
    expected: { ...BY_AZ, requests: `machine 400, machine 400, ${BY_AZ.requests}` },
  },
  {
    name: "a machine that rejects the request, before az",
    links: ["managed identity", "az"],
    state: { machine: { status: 403 } },
    expected: { ...NONE, requests: "machine 403, machine 403" },
    error: /^error AuthenticationError: ManagedIdentityCredential: .*HTTP 403/m,
  },

  {
    name: "a metadata service that does not respond",
    links: [],
    state: { machine: "silent" },
    expected: NONE,
    error: NO_CREDENTIAL,
  },
  {
    name: "a metadata service that does not respond, before az",
    links: ["az"],
    state: { machine: "silent" },
    expected: BY_AZ,
  },
  {
    name: "a metadata service of another cloud, status 404, before az",
    links: ["az"],
    state: page(404),
    mostRequests: 4,
    expected: { ...BY_AZ, requests: `machine 404, ${BY_AZ.requests}` },
  },
  {
    name: "a metadata service of another cloud, status 500, before az",
    links: ["az"],
    state: page(500),
    mostRequests: 4,
    expected: { ...BY_AZ, requests: `machine 500, ${BY_AZ.requests}` },
  },
  ...[404, 500].map((status): Place => ({
    name: `a metadata service that is not ready yet, status ${status}`,
    links: ["managed identity"],
    state: { machine: { status }, times: 2 },
    expected: { ...alone("managed identity"), requests: `machine ${status}, machine ${status}, machine 200` },
  })),
];

/** A machine on which programs run in the environments. */
export interface Places {
  /** Runs a program with a library in an environment. */
  look(library: Library, place: Omit<Place, "expected">): Promise<Look>;
  /** Ends the machine, but not esbuild, which built the package. */
  close(): Promise<void>;
}

/** The behaviour of a program, and its output. */
export interface Look {
  readonly seen: Seen;
  readonly stdout: string;
  /** The duration of the call, such as `"12 ms"`; "stopped" if the program was stopped. */
  readonly took: string;
}

/** Starts the machine. */
export async function startPlaces(programs?: Programs): Promise<Places> {
  const federatedCredentials = [{ issuer: ISSUER, subject: SUBJECT, jwks: await publicKeys("a-key") }];
  const laptop = await startLaptop({
    entra: {
      apps: [
        { tenantId: TENANT, clientId: CLIENT, secrets: [SECRET], federatedCredentials },
        { tenantId: TENANT, clientId: DEVELOPER, secrets: [SECRET] },
      ],
    },
    machine: { userAssigned: [{ clientId: CLIENT }] },
    subscriptions: { [TENANT]: [{ id: crypto.randomUUID(), name: "Production" }] },
    logins: [["--service-principal", "-u", DEVELOPER, "-p", SECRET, "--tenant", TENANT]],
    programs,
  });
  const tokenFile = join(laptop.folder, "azure-identity-token");
  await writeFile(tokenFile, await serviceAccountToken({}, Date.now()));

  async function look(library: Library, place: Omit<Place, "expected">): Promise<Look> {
    const { name, links, tools = links.filter(isTool), env, state = {}, mostRequests } = place;
    await laptop.box.set({ ...!links.includes("managed identity") && { machine: "refused" }, ...state });
    const [, variable] = /^AZURE_TOKEN_CREDENTIALS=(\w+)/.exec(name) ?? [];
    const isOurs = library.startsWith("ours");
    const { stdout, stderr, code, requests, processes } = await laptop.run(library, "default_credential", {
      tools,
      isSignedIn: links.includes("az"),
      env: {
        ...variablesOf(links, tokenFile),
        ...variable && { AZURE_TOKEN_CREDENTIALS: variable },
        // On a slow machine, the response to the probe may be late.
        ...state.machine !== "silent" && { AZURE_IMDS_PROBE_TIMEOUT_IN_MS: "600000" },
        ...env,
      },
      mostRequests: isOurs ? undefined : mostRequests,
    });
    const isStopped = code === "SIGKILL";
    const [, took = isStopped ? "stopped" : "failed"] = /^took (.+)$/m.exec(stdout) ?? [];
    assert.match(stdout, isStopped ? /^$/ : /^(token|error) /, stderr);
    const credential = isStopped ? "still trying" : credentialOf(/^token (\S+)$/m.exec(stdout)?.[1]);
    // If the metadata service responds late, the chain of this library has already started az, which sends requests to
    // Entra.
    const isLate = isOurs && links.includes("az") && requests.some(({ to }) => to === "machine");
    const early = requests.filter(({ to }) => !isLate || to === "machine");
    const late = requests.filter((request) => credential === "az" && !early.includes(request));
    const started = processes.map((line) => line.split(" ")[0]!);
    return {
      seen: {
        credential,
        requests: [...early, ...late].map(({ to, status }) => `${to} ${status}`).join(", "),
        processes: started.filter((tool) => !isLate || tool !== "az" || credential === "az").join(", "),
      },
      stdout,
      took,
    };
  }

  return { look, close: laptop.close };
}

function isTool(name: string): name is Tool & LinkName {
  return TOOLS.includes(name);
}

function variablesOf(links: readonly LinkName[], tokenFile: string): Record<string, string> {
  const app = { AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT };
  return {
    ...links.includes("environment") && { ...app, AZURE_CLIENT_SECRET: SECRET },
    ...links.includes("workload identity") && {
      ...app,
      AZURE_FEDERATED_TOKEN_FILE: tokenFile,
      AZURE_AUTHORITY_HOST: "https://login.microsoftonline.com/",
    },
  };
}

/** Returns the credential that a token belongs to. */
function credentialOf(token: string | undefined): Seen["credential"] {
  if (token === undefined) return "none";
  if (token === "of-pwsh") return "pwsh";
  if (token === "of-azd") return "azd";
  const { appid, appidacr, xms_mirid: machine } = decodeJwt(token);
  if (appid === DEVELOPER) return "az";
  if (machine) return "managed identity";
  return appidacr === "1" ? "environment" : "workload identity";
}
