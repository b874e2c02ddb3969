// Runs on: deno
//
// `new DefaultAzureCredential()`, without special options, finds a metadata service at 169.254.169.254 and Entra at
// login.microsoftonline.com. So do Azure's own libraries for JavaScript and Python, whose requests are compared with
// those of this library.
//
// All services are simulated, in an isolated network. No request is sent to the real addresses. See
// support/interop/box.ts.
import { decodeJwt, decodeProtectedHeader } from "jose";
import assert from "node:assert/strict";
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { stop } from "esbuild";
import { findBun } from "../../scripts/run_bun.ts";
import { makeTestProject } from "../../scripts/test_project.ts";
import { publicKeys } from "../support/certificates/assertion.ts";
import { type Box, type BoxRequest, SILENT_NETWORK, startBox } from "../support/interop/box.ts";
import { startProgram, trust } from "../support/child.ts";
import { isolated, whyNotIsolated } from "../support/isolated.ts";
import { CLIENT, ISSUER, serviceAccountToken, SUBJECT, TENANT } from "../support/workload.ts";

const PYTHON = "/usr/bin/python3";
const PROGRAM = fileURLToPath(new URL("../support/interop/default_credential.js", import.meta.url));

type Program = "ours on Deno" | "ours on Node" | "ours on Bun" | "npm" | "python";
const OURS: readonly Program[] = ["ours on Deno", "ours on Node", "ours on Bun"];
const ALL: readonly Program[] = [...OURS, "npm", "python"];

/** The environments of programs, with the service that issues tokens in them. */
const ENVIRONMENTS = {
  "a virtual machine": "machine",
  "a virtual machine, with AZURE_CLIENT_ID": "machine",
  "a pod": "entra",
} as const;
type Environment = keyof typeof ENVIRONMENTS;
const ENVIRONMENT_NAMES = Object.keys(ENVIRONMENTS) as Environment[];

/** The values in the requests, by names such as `"entra token form scope"`. */
type Observations = Readonly<Record<string, string>>;

/**
 * A difference between the requests of this library and of Azure's libraries for JavaScript (npm) and Python.
 * `undefined` is an absent value.
 */
interface Difference {
  readonly at: string;
  /** Default: every environment with the same service. */
  readonly in?: Environment;
  readonly ours?: string | RegExp;
  readonly npm?: string | RegExp;
  readonly python?: string | RegExp;
  readonly because: string;
}

const NPM_AGENT = /^azsdk-js-identity\/4\.14\.1 /;
const PYTHON_AGENT = /^azsdk-python-identity\/1\.13\.\S+ Python\//;
const ANONYMOUS = "The metadata service does not need the name of the library";
const NOT_TRACED = "The metadata service does not document a request id";
const ONE_ID = "Entra accepts the id as a form field, which browsers can send too; once is enough";
const TELEMETRY = "MSAL's telemetry, which a token does not need";

const DIFFERENCES: readonly Difference[] = [
  // The probe for a metadata service. It must not have the header "metadata", and needs nothing else.
  { at: "machine probe header accept", npm: "application/json", python: "*/*", because: "Any response suffices" },
  { at: "machine probe header user-agent", npm: NPM_AGENT, python: PYTHON_AGENT, because: ANONYMOUS },
  { at: "machine probe header x-ms-client-request-id", npm: "a GUID", because: NOT_TRACED },
  {
    at: "machine probe query api-version",
    python: "2018-02-01",
    because: "Without the header, the probe is rejected in any case",
  },
  {
    at: "machine probe query resource",
    python: "https://storage.azure.com",
    because: "Without the header, the probe is rejected in any case",
  },
  {
    at: "machine probe query client_id",
    in: "a virtual machine, with AZURE_CLIENT_ID",
    python: CLIENT,
    because: "Without the header, the probe is rejected in any case",
  },
  // The token of the machine.
  { at: "machine token header accept", python: "*/*", because: "The service has one format" },
  {
    at: "machine token header content-type",
    npm: "application/x-www-form-urlencoded;charset=utf-8",
    because: "A GET has no content",
  },
  { at: "machine token header user-agent", npm: NPM_AGENT, python: PYTHON_AGENT, because: ANONYMOUS },
  { at: "machine token header x-client-sku", npm: "msal.js.node", because: ANONYMOUS },
  { at: "machine token header x-client-ver", npm: /^\d+\.\d+\.\d+$/, because: ANONYMOUS },
  { at: "machine token header x-ms-client-request-id", npm: "a GUID", because: NOT_TRACED },
  // The token of the pod.
  {
    at: "entra token header accept",
    ours: "application/json",
    python: "*/*",
    because: "The type of a token response (RFC 6749, section 5.1)",
  },
  {
    at: "entra token header content-type",
    ours: "application/x-www-form-urlencoded;charset=UTF-8",
    npm: "application/x-www-form-urlencoded;charset=utf-8",
    python: "application/x-www-form-urlencoded",
    because: "Servers ignore the parameter, which the media type does not define; Web APIs write it like this",
  },
  {
    at: "entra token header user-agent",
    ours: /^(Deno\/\S+|node|Bun\/\S+)$/,
    npm: NPM_AGENT,
    python: PYTHON_AGENT,
    because: "The runtime's own, which browsers do not allow to change",
  },
  { at: "entra token header x-ms-client-request-id", npm: "a GUID", because: ONE_ID },
  { at: "entra token query client-request-id", npm: "a GUID", because: ONE_ID },
  {
    at: "entra token form client-request-id",
    ours: "a GUID",
    npm: "a GUID",
    because: "Microsoft's support can find the request by it; Python's library sends none here",
  },
  {
    at: "entra token form x-client-SKU",
    ours: "azweb.identity",
    npm: "msal.js.node",
    because: "The name of each library; that of Python's is in its user agent",
  },
  {
    at: "entra token form x-client-VER",
    ours: /^\d+\.\d+\.\d+/,
    npm: /^\d+\.\d+\.\d+$/,
    because: "The version of each library; that of Python's is in its user agent",
  },
  { at: "entra token form x-client-OS", npm: "linux", because: TELEMETRY },
  { at: "entra token form x-client-CPU", npm: /^\w+$/, because: TELEMETRY },
  { at: "entra token form x-ms-lib-capability", npm: "retry-after, h429", because: TELEMETRY },
  { at: "entra token form x-client-current-telemetry", npm: /^5\|/, because: TELEMETRY },
  { at: "entra token form x-client-last-telemetry", npm: /^5\|/, because: TELEMETRY },
];

/** Headers about the connection and the transfer, which a runtime's HTTP client adds. */
const OF_THE_CONNECTION = /^(accept-encoding|accept-language|connection|content-length|host|sec-fetch-mode)$/;

describe("a simulated Azure, in an isolated network", { skip: await whyNot() }, () => {
  let folder: string;
  let box: Box;
  let file: string;
  let commands: Record<Program, string[]>;
  const seen = new Map<Program, Partial<Record<Environment, Observations>>>(ALL.map((program) => [program, {}]));

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "azweb-box-"));
    const [bun] = await Promise.all([
      findBun(),
      makeTestProject(folder, ["@azure/identity"]),
    ]);
    const installed = join(folder, "program.js");
    await copyFile(PROGRAM, installed);
    commands = {
      "ours on Deno": [process.execPath, "run", "--quiet", "--allow-all", PROGRAM, "@azweb/identity"],
      "ours on Node": ["node", installed, "@azweb/identity"],
      "ours on Bun": [bun.path, installed, "@azweb/identity"],
      npm: ["node", installed, "@azure/identity"],
      python: [PYTHON, PROGRAM.replace(/js$/, "py")],
    };
    file = await serviceAccountToken({}, Date.now());
    await writeFile(join(folder, "azure-identity-token"), file);
    const federatedCredentials = [{ issuer: ISSUER, subject: SUBJECT, jwks: await publicKeys("a-key") }];
    const entra = { apps: [{ tenantId: TENANT, clientId: CLIENT, federatedCredentials, secrets: ["a-secret"] }] };
    box = await startBox({ folder, entra, machine: { userAssigned: [{ clientId: CLIENT }] } });
  });

  after(async () => {
    await box?.close();
    await stop();
    await rm(folder, { recursive: true, force: true });
  });

  for (const program of ALL) {
    for (const environment of ENVIRONMENT_NAMES) {
      test(`${program}: gets a token in ${environment}`, async () => {
        const { code, stdout, stderr, requests } = await box.run(commands[program], variables(environment));
        const [, token] = /^token (\S+)$/m.exec(stdout) ?? [];
        assert.ok(token, `It ended with ${code} and wrote:\n${stdout}${stderr}`);
        const { aud, appid } = decodeJwt(token);
        assert.equal(aud, "https://storage.azure.com");
        assert.equal(appid === CLIENT, environment !== "a virtual machine");
        seen.get(program)![environment] = observe(requests, token);
      });
    }
  }

  for (const program of OURS) {
    for (const environment of ENVIRONMENT_NAMES) {
      test(`${program}: in ${environment}, its requests differ from those of npm and python only as listed`, () => {
        const [ours, npm, python] = ([program, "npm", "python"] as const).map((name) => seen.get(name)![environment]!);
        const actual = compare(ours!, npm!, python!);
        const expected = DIFFERENCES.filter((row) =>
          row.in ? row.in === environment : row.at.startsWith(ENVIRONMENTS[environment])
        );
        assert.deepEqual(
          {
            unexplained: actual.filter((found) => !expected.some((row) => explains(row, found))),
            "no longer observed": expected.filter((row) => !actual.some((found) => explains(row, found))),
          },
          { unexplained: [], "no longer observed": [] },
        );
      });
    }
  }

  for (const program of OURS) {
    test(`${program}: detects the region over a direct connection, although HTTP_PROXY is set`, async () => {
      const { stdout, stderr, requests } = await box.run(commands[program], {
        ...trust(box.authorityPath),
        AZURE_TENANT_ID: TENANT,
        AZURE_CLIENT_ID: CLIENT,
        AZURE_CLIENT_SECRET: "a-secret",
        AZURE_REGIONAL_AUTHORITY_NAME: "TryAutoDetect",
        // There is no proxy at this address.
        HTTP_PROXY: "http://127.0.0.1:9",
      });
      assert.match(stdout, /^token /, stderr);
      assert.deepEqual(requests.map(({ to, url }) => `${to} ${url.split("?")[0]}`), [
        "machine http://169.254.169.254/metadata/instance/compute",
        `entra https://westeurope.login.microsoft.com/${TENANT}/oauth2/v2.0/token`,
      ]);
    });
  }

  test("rejects within the time limit if the metadata service does not respond", async () => {
    const figures = [];
    for (const program of ALL) {
      const { stdout, stderr } = await startProgram([...isolated(SILENT_NETWORK), ...commands[program]]).ended;
      assert.match(stdout, /^error (AggregateAuthenticationError|ClientAuthenticationError): /, stderr);
      figures.push(`${program}: ${/^took (.+)$/m.exec(stdout)![1]}`);
    }
    console.log(`Figures of DefaultAzureCredential without a response from 169.254.169.254: ${figures.join(", ")}`);
  });

  /** Returns the environment variables of a program in an environment. */
  function variables(environment: Environment): Record<string, string> {
    const found = {
      ...trust(box.authorityPath),
      REQUESTS_CA_BUNDLE: box.authorityPath,
      // On a slow machine, the response to the probe may be late.
      AZURE_IMDS_PROBE_TIMEOUT_IN_MS: "600000",
    };
    if (environment === "a virtual machine") return found;
    if (environment === "a virtual machine, with AZURE_CLIENT_ID") return { ...found, AZURE_CLIENT_ID: CLIENT };
    return {
      ...found,
      AZURE_TENANT_ID: TENANT,
      AZURE_CLIENT_ID: CLIENT,
      AZURE_FEDERATED_TOKEN_FILE: join(folder, "azure-identity-token"),
      AZURE_AUTHORITY_HOST: "https://login.microsoftonline.com/",
    };
  }

  function observe(requests: readonly BoxRequest[], token: string): Observations {
    const { aud, iss, appid, appidacr, idtyp, tid } = decodeJwt(token);
    return {
      requests: requests.map((request) => `${request.to} ${request.status}`).join(", "),
      ...Object.assign({}, ...requests.map(observeRequest)),
      ...named("result", { aud, iss, appid, appidacr, idtyp, tid }),
    };
  }

  function observeRequest({ to, method, url, query, headers, form }: BoxRequest): Observations {
    const name = `${to} ${to === "machine" && !headers.metadata ? "probe" : "token"}`;
    const kept = Object.entries(headers).filter(([header]) => !OF_THE_CONNECTION.test(header));
    const { client_assertion: assertion, ...fields } = form;
    return {
      ...named(name, { method, url: url.split("?")[0] }),
      ...named(`${name} query`, query),
      ...named(`${name} header`, Object.fromEntries(kept)),
      ...named(`${name} form`, fields),
      ...assertion && {
        [`${name} form client_assertion`]: assertion === file ? "the file's" : "another",
        ...named(`${name} assertion header`, { ...decodeProtectedHeader(assertion) }),
        ...named(`${name} assertion claim`, decodeJwt(assertion)),
      },
    };
  }
});

/** Returns why the tests cannot run here, or `false`. */
async function whyNot(): Promise<string | false> {
  const isolation = await whyNotIsolated(SILENT_NETWORK);
  if (isolation) return isolation;
  const { code } = await startProgram([PYTHON, "-c", "import azure.identity"]).ended;
  return code !== 0 && `${PYTHON} has no azure-identity: install Debian's package python3-azure`;
}

/** Returns the values with the prefix before their names. */
function named(prefix: string, values: Readonly<Record<string, unknown>>): Observations {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix} ${name}`, textOf(value)]));
}

/** Returns a value as text, or "a GUID" for one that differs in each run. */
function textOf(value: unknown): string {
  const text = String(value);
  return text !== CLIENT && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text) ? "a GUID" : text;
}

type Found = Omit<Difference, "because" | "in">;

function compare(ours: Observations, npm: Observations, python: Observations): Found[] {
  const names = new Set([ours, npm, python].flatMap((seen) => Object.keys(seen)));
  return [...names]
    .map((at) => ({ at, ours: ours[at], npm: npm[at], python: python[at] }))
    .filter(({ ours, npm, python }) => ours !== npm || ours !== python) as Found[];
}

function explains(row: Difference, found: Found): boolean {
  return row.at === found.at && (["ours", "npm", "python"] as const).every((name) => fits(row[name], found[name]));
}

function fits(expected: string | RegExp | undefined, value: Found["ours"]): boolean {
  return expected instanceof RegExp ? typeof value === "string" && expected.test(value) : expected === value;
}
