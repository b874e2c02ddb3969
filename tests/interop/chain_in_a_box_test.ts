// Runs on: deno
//
// Compares `new DefaultAzureCredential()` with Azure's own libraries for JavaScript (npm) and Python in each
// environment: the identity of the token, the requests, the processes and the time. Everything but the Azure CLI is
// simulated: see support/interop/boxed_laptop.ts.
import { stop } from "esbuild";
import { decodeJwt } from "jose";
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { publicKeys } from "../support/certificates/assertion.ts";
import type { BoxState } from "../support/interop/box.ts";
import { type Laptop, type Library, startLaptop, type Tool, whyNoLaptop } from "../support/interop/boxed_laptop.ts";
import { CLIENT, ISSUER, serviceAccountToken, SUBJECT, TENANT } from "../support/workload.ts";

const DEVELOPER = "55555555-5555-5555-5555-555555555555";
const STRANGER = "99999999-9999-9999-9999-999999999999";
const SECRET = "a-secret";

/** The credentials of the chain, in order. */
const LINKS = ["environment", "workload identity", "managed identity", "az", "pwsh", "azd"] as const;
type LinkName = typeof LINKS[number];

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
  // Its own requests: instance discovery and the token.
  az: "entra 200, entra 200",
  pwsh: "",
  azd: "",
};
const TOOLS: readonly string[] = ["az", "pwsh", "azd"];

/** The environment of a program, and the expected result. */
interface Place {
  readonly name: string;
  /** The available credentials, which work unless `state` or `env` says otherwise. */
  readonly links: readonly LinkName[];
  /** Additional or changed variables. Default: none. */
  readonly env?: Readonly<Record<string, string>>;
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
interface Seen {
  /** The credential whose token it got; "none" for an error, "still trying" if it was stopped. */
  readonly credential: LinkName | "none" | "still trying";
  /** The services that received requests, and the status of each response. */
  readonly requests: string;
  /** The tools that it ran. */
  readonly processes: string;
}

function alone(link: LinkName): Seen {
  return { credential: link, requests: REQUESTS[link], processes: TOOLS.includes(link) ? link : "" };
}

const NOTHING = /^error AggregateAuthenticationError: DefaultAzureCredential: Cannot get a token: No credential is av/m;
const BY_AZ = alone("az");
const NONE: Seen = { credential: "none", requests: "", processes: "" };

/** A response of another cloud's metadata service or of a proxy. */
function page(status: number): BoxState {
  return { machine: { status, body: "<!DOCTYPE html><title>Something else</title>" } };
}

const PLACES: readonly Place[] = [
  { name: "nothing", links: [], expected: NONE, error: NOTHING },
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
    name: "a pod that no app trusts before az",
    links: ["workload identity", "az"],
    env: { AZURE_CLIENT_ID: DEVELOPER },
    expected: { ...NONE, requests: "entra 401" },
    error: /^error AuthenticationError: WorkloadIdentityCredential: .*AADSTS70025/m,
  },
  {
    name: "an AZURE_CLIENT_ID that is not the machine's and may be a service principal's before az",
    links: ["managed identity", "az"],
    env: { AZURE_CLIENT_ID: STRANGER },
    expected: { ...BY_AZ, requests: `machine 400, machine 400, ${BY_AZ.requests}` },
  },
  {
    name: "a machine that rejects the request before az",
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
    error: NOTHING,
  },
  {
    name: "a metadata service that does not respond before az",
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

/** A difference between the behaviour of this library and of another one. */
interface Difference {
  readonly of: "npm" | "python";
  readonly at: keyof Seen;
  /** Matches the names of the environments. */
  readonly in: RegExp;
  readonly is: string | RegExp;
  readonly because: string;
}

const DISCOVERY = "MSAL sends two discovery requests before the first token, although the endpoints are known";
const TRIES_POWERSHELL = "It tests PowerShell before it requests a token";
const STOPS = "A configured identity that is rejected must not be replaced by another";
const NO_AZD = "Debian's version, 1.13, does not know the Azure Developer CLI";
const NO_VARIABLE = "Debian's version, 1.13, does not read AZURE_TOKEN_CREDENTIALS";
const NO_DOUBT = "In production there is a metadata service, and the time limit of a probe may be too short for it";
const MINUTES = "It treats any response as that of the metadata service, and retries for a minute";

const WITH_SECRET = "entra 200, entra 200, entra 200";

const DIFFERENCES: readonly Difference[] = [
  { of: "python", at: "requests", in: /^(only )?environment( before .+)?$/, is: WITH_SECRET, because: DISCOVERY },
  { of: "python", at: "requests", in: /=(prod|EnvironmentCredential)$/, is: WITH_SECRET, because: DISCOVERY },
  { of: "python", at: "requests", in: /^a wrong/, is: "entra 200, entra 200, entra 401", because: DISCOVERY },

  { of: "python", at: "credential", in: /^only azd$/, is: "none", because: NO_AZD },
  { of: "python", at: "processes", in: /^only azd$/, is: "", because: NO_AZD },

  { of: "npm", at: "requests", in: /=prod with/, is: "machine 400, machine 400", because: NO_DOUBT },

  {
    of: "python",
    at: "credential",
    in: /=(dev|laptop|(?!Environment)\w+Credential)$/,
    is: "environment",
    because: NO_VARIABLE,
  },
  {
    of: "python",
    at: "requests",
    in: /=(dev|laptop|(?!Environment)\w+Credential)$/,
    is: WITH_SECRET,
    because: NO_VARIABLE,
  },
  { of: "python", at: "processes", in: /=(dev|Azure\w+)$/, is: "", because: NO_VARIABLE },
  { of: "python", at: "credential", in: /=prod with az alone$/, is: "az", because: NO_VARIABLE },
  {
    of: "python",
    at: "requests",
    in: /=prod with az alone$/,
    is: `machine 400, machine 400, ${BY_AZ.requests}`,
    because: NO_VARIABLE,
  },
  { of: "python", at: "processes", in: /=prod with az alone$/, is: "az", because: NO_VARIABLE },

  { of: "npm", at: "processes", in: /^(only pwsh|pwsh before .+)$/, is: "pwsh, pwsh", because: TRIES_POWERSHELL },
  { of: "npm", at: "processes", in: /=AzurePowerShellCredential$/, is: "pwsh, pwsh", because: TRIES_POWERSHELL },

  { of: "npm", at: "credential", in: /^a (pod|machine) that/, is: "az", because: STOPS },
  {
    of: "npm",
    at: "requests",
    in: /^a (pod|machine) that/,
    is: /^(entra 401, entra 401|machine 403, machine 403), entra 200, entra 200$/,
    because: STOPS,
  },
  { of: "npm", at: "processes", in: /^a (pod|machine) that/, is: "az", because: STOPS },

  { of: "python", at: "credential", in: /of another cloud/, is: "still trying", because: MINUTES },
  { of: "python", at: "requests", in: /of another cloud/, is: /^(machine (404|500)(, |$)){2,}/, because: MINUTES },
  { of: "python", at: "processes", in: /of another cloud/, is: "", because: MINUTES },
];

describe("The whole chain in a box", { skip: await whyNoLaptop() }, () => {
  let laptop: Laptop;
  let tokenFile: string;
  const times = new Map<string, string>();

  before(async () => {
    const federatedCredentials = [{ issuer: ISSUER, subject: SUBJECT, jwks: await publicKeys("a-key") }];
    laptop = await startLaptop({
      entra: {
        apps: [
          { tenantId: TENANT, clientId: CLIENT, secrets: [SECRET], federatedCredentials },
          { tenantId: TENANT, clientId: DEVELOPER, secrets: [SECRET] },
        ],
      },
      machine: { userAssigned: [{ clientId: CLIENT }] },
      subscriptions: { [TENANT]: [{ id: crypto.randomUUID(), name: "Production" }] },
      logins: [["--service-principal", "-u", DEVELOPER, "-p", SECRET, "--tenant", TENANT]],
    });
    tokenFile = join(laptop.folder, "azure-identity-token");
    await writeFile(tokenFile, await serviceAccountToken({}, Date.now()));
  });

  after(async () => {
    await laptop?.close();
    await stop();
    console.log([...times].map(([place, figures]) => `${place}: ${figures}`).join("\n"));
  });

  for (const place of PLACES) {
    test(place.name, async () => {
      const ours = await look("ours on Deno", place);
      assert.deepEqual(ours, place.expected);
      for (const other of ["npm", "python"] as const) {
        const seen = await look(other, place);
        const expected = DIFFERENCES.filter((row) => row.of === other && row.in.test(place.name));
        const found = (["credential", "requests", "processes"] as const).filter((at) => seen[at] !== ours[at]);
        assert.deepEqual(
          {
            unexplained: found.filter((at) => !expected.some((row) => row.at === at && fits(row.is, seen[at])))
              .map((at) => `${other} ${at}: ${seen[at]}`),
            "no longer there": expected.filter(({ at }) => !found.includes(at)),
          },
          { unexplained: [], "no longer there": [] },
        );
      }
    });
  }

  for (const library of ["ours on Node", "ours on Bun"] as const) {
    for (const place of PLACES.filter(({ name }) => /^(only|nothing)/.test(name))) {
      test(`${library}: ${place.name}`, async () => {
        assert.deepEqual(await look(library, place), place.expected);
      });
    }
  }

  /** Runs a program in an environment. */
  async function look(library: Library, { name, links, error, env, state = {}, mostRequests }: Place): Promise<Seen> {
    await laptop.box.set({ ...!links.includes("managed identity") && { machine: "refused" }, ...state });
    const [, variable] = /^AZURE_TOKEN_CREDENTIALS=(\w+)/.exec(name) ?? [];
    const isOurs = library.startsWith("ours");
    const { stdout, stderr, code, requests, processes } = await laptop.run(library, "default_credential", {
      tools: links.filter((link): link is Tool => TOOLS.includes(link)),
      isSignedIn: links.includes("az"),
      env: {
        ...variablesOf(links),
        ...variable && { AZURE_TOKEN_CREDENTIALS: variable },
        // On a slow machine, the response to the probe may be late.
        ...state.machine !== "silent" && { AZURE_IMDS_PROBE_TIMEOUT_IN_MS: "600000" },
        ...env,
      },
      mostRequests: isOurs ? undefined : mostRequests,
    });
    const isStopped = code === "SIGKILL";
    const [, time = isStopped ? "stopped" : "failed"] = /^took (.+)$/m.exec(stdout) ?? [];
    times.set(name, [times.get(name), `${library} ${time}`].filter(Boolean).join(", "));
    assert.match(stdout, isStopped ? /^$/ : /^(token|error) /, stderr);
    if (isOurs && error) assert.match(stdout, error);
    const credential = isStopped ? "still trying" : credentialOf(/^token (\S+)$/m.exec(stdout)?.[1]);
    // If the metadata service responds late, our chain already starts az, whose requests go to Entra.
    const isLate = isOurs && links.includes("az") && requests.some(({ to }) => to === "machine");
    const early = requests.filter(({ to }) => !isLate || to === "machine");
    const late = requests.filter((request) => credential === "az" && !early.includes(request));
    return {
      credential,
      requests: [...early, ...late].map(({ to, status }) => `${to} ${status}`).join(", "),
      processes: processes.map((line) => line.split(" ")[0]).filter((tool) =>
        !isLate || tool !== "az" || credential === "az"
      )
        .join(", "),
    };
  }

  function variablesOf(links: readonly LinkName[]): Record<string, string> {
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
});

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

function fits(expected: string | RegExp, value: string): boolean {
  return expected instanceof RegExp ? expected.test(value) : expected === value;
}
