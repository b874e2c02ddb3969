// `explain` describes the state of each credential of DefaultAzureCredential, without a request or a process.
import {
  type CredentialExplanation,
  DefaultAzureCredential,
  type DefaultAzureCredentialClientIdOptions,
} from "@azweb/identity";
import { detectPlatform, type Runtime } from "@azweb/identity/runtime";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Name, NAMES } from "../support/developer_tools/laptop.ts";
import { CLIENT_ID, MACHINES, VAULT } from "../support/managed_identity/machine.ts";
import { TENANT } from "../support/service.ts";
import { PROFILE, SIGNED_IN } from "../support/developer_tools/tool.ts";

const ID = { AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT_ID };
const FILE = { AZURE_FEDERATED_TOKEN_FILE: "/token" };
const HOME = { PATH: "/usr/local/bin:/usr/bin:bin", HOME: "/home/jo" };

/** What is on the machine, and options of the credential. */
interface Machine extends Omit<DefaultAzureCredentialClientIdOptions, "env"> {
  readonly env?: Record<string, string>;
  readonly files?: readonly string[];
  /** Content of az's profile, which names the signed-in account. No other file may be read. */
  readonly profile?: string;
  readonly platform?: string;
}

/** Calls `explain` on a machine on which every request, process and wait throws. */
async function explain(
  { env = {}, files = [], profile = SIGNED_IN, platform = "linux", runtime, ...options }: Machine = {},
) {
  const calls: string[] = [];
  const forbid = (call: string) => (): never => {
    calls.push(call);
    throw new Error(`Forbidden: ${call}`);
  };
  const credential = new DefaultAzureCredential({
    env,
    fetch: forbid("request"),
    localFetch: forbid("request"),
    waitUntil() {},
    runtime: {
      platform,
      run: forbid("process"),
      readTextFile: (path) => /[\\/]azureProfile\.json$/.test(path) ? Promise.resolve(profile) : forbid("reading")(),
      tlsFetch: () => forbid("connection"),
      sleep: forbid("waiting"),
      fileExists: (path) => Promise.resolve(files.includes(path)),
      ...runtime,
    },
    ...options,
  });
  const explanations = await credential.explain();
  assert.deepEqual(calls, []);
  return { credential, explanations };
}

async function explanationOf(name: Name, machine?: Machine): Promise<CredentialExplanation> {
  const { explanations } = await explain(machine);
  assert.deepEqual(explanations.map(({ credential }) => credential), NAMES);
  return explanations.find(({ credential }) => credential === name)!;
}

const rows: readonly [
  name: Name,
  situation: string,
  machine: Machine,
  state: CredentialExplanation["state"],
  detail: string | RegExp,
][] = [
  [
    "EnvironmentCredential",
    "no variables",
    {},
    "absent",
    "Cannot find a service principal or a user: None of its variables is set: Set AZURE_TENANT_ID, AZURE_CLIENT_ID and one of " +
    "AZURE_CLIENT_SECRET, AZURE_CLIENT_CERTIFICATE_PATH, AZURE_USERNAME with AZURE_PASSWORD",
  ],
  [
    "EnvironmentCredential",
    "some of the variables",
    { env: ID },
    "absent",
    /\(set: AZURE_TENANT_ID, AZURE_CLIENT_ID\)/,
  ],
  [
    "EnvironmentCredential",
    "a secret",
    { env: { ...ID, AZURE_CLIENT_SECRET: "a-secret" } },
    "configured",
    "A client secret in the variables AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET",
  ],
  [
    "EnvironmentCredential",
    "a certificate file",
    { env: { ...ID, AZURE_CLIENT_CERTIFICATE_PATH: "/app.pem" }, files: ["/app.pem"] },
    "configured",
    "A certificate in the variables AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_CERTIFICATE_PATH",
  ],
  [
    "EnvironmentCredential",
    "a certificate file that does not exist",
    { env: { ...ID, AZURE_CLIENT_CERTIFICATE_PATH: "/app.pem" } },
    "fails",
    'Cannot read the certificate of AZURE_CLIENT_CERTIFICATE_PATH, "/app.pem": It does not exist, or cannot be read: ' +
    "Check the path, and that this program may read the file",
  ],
  [
    "EnvironmentCredential",
    "a malformed tenant id",
    { env: { ...ID, AZURE_TENANT_ID: "a b", AZURE_CLIENT_SECRET: "a-secret" } },
    "fails",
    /^Cannot use the variable AZURE_TENANT_ID/,
  ],
  [
    "EnvironmentCredential",
    "a user",
    { env: { ...ID, AZURE_USERNAME: "jo", AZURE_PASSWORD: "a-secret" } },
    "configured",
    "A user in the variables AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_USERNAME, AZURE_PASSWORD",
  ],
  ["WorkloadIdentityCredential", "no variables", {}, "absent", /^Cannot .*AZURE_FEDERATED_TOKEN_FILE/],
  [
    "WorkloadIdentityCredential",
    "a token file",
    { env: { ...ID, ...FILE }, files: ["/token"] },
    "configured",
    'The token file "/token"',
  ],
  [
    "WorkloadIdentityCredential",
    "a token file that does not exist",
    { env: { ...ID, ...FILE } },
    "fails",
    'Cannot read the token file of AZURE_FEDERATED_TOKEN_FILE, "/token": It does not exist, or cannot be read: ' +
    "Check the path, and in AKS that the pod has the label azure.workload.identity/use, which mounts a token of its service account",
  ],
  [
    "WorkloadIdentityCredential",
    "a malformed tenant id",
    { env: { ...ID, ...FILE, AZURE_TENANT_ID: "a b" } },
    "fails",
    /^Cannot use the variable AZURE_TENANT_ID/,
  ],
  [
    "ManagedIdentityCredential",
    "no variables",
    {},
    "inconclusive",
    "No variable names a source: the instance metadata service is probed for at 169.254.169.254, for the system-assigned identity",
  ],
  ...Object.entries(MACHINES).filter(([name]) => name !== "IMDS").map(([name, env]): typeof rows[number] => [
    "ManagedIdentityCredential",
    name,
    { env },
    "configured",
    new RegExp(
      `^The source is (an? |the )?.*${name.split(" ").at(-1)}, for the (${
        name === "Cloud Shell" ? "signed-in user" : "system-assigned identity"
      })$`,
    ),
  ]),
  [
    "ManagedIdentityCredential",
    "an id in AZURE_CLIENT_ID",
    { env: { ...MACHINES["App Service"], AZURE_CLIENT_ID: "an-id" } },
    "configured",
    'The source is App Service, for the identity with the client id "an-id" of the variable AZURE_CLIENT_ID',
  ],
  [
    "ManagedIdentityCredential",
    "an id in the options",
    { env: { ...MACHINES["App Service"], AZURE_CLIENT_ID: "other" }, managedIdentityClientId: "an-id" },
    "configured",
    'The source is App Service, for the identity with the client id "an-id" of the options',
  ],
  [
    "ManagedIdentityCredential",
    "the default identity of Azure Machine Learning",
    { env: { ...MACHINES["Azure Machine Learning"], DEFAULT_IDENTITY_CLIENT_ID: "an-id" } },
    "configured",
    "The source is Azure Machine Learning, for the identity with the client id " +
    '"an-id" of the variable DEFAULT_IDENTITY_CLIENT_ID',
  ],
  [
    "ManagedIdentityCredential",
    "a federated token",
    { env: { ...ID, ...FILE }, files: ["/token"] },
    "configured",
    'The token file "/token"',
  ],
  [
    "ManagedIdentityCredential",
    "a malformed endpoint",
    { env: { ...MACHINES["App Service"], IDENTITY_ENDPOINT: "nonsense" } },
    "fails",
    /^Cannot use the variable IDENTITY_ENDPOINT/,
  ],
  [
    "ManagedIdentityCredential",
    "a malformed AZURE_CLIENT_ID",
    { env: { AZURE_CLIENT_ID: "an id" } },
    "fails",
    /^Cannot use the variable AZURE_CLIENT_ID/,
  ],
  [
    "ManagedIdentityCredential",
    "AZURE_CLIENT_ID for a source with a single identity, which ends the chain",
    { env: { ...MACHINES["Cloud Shell"], AZURE_CLIENT_ID: CLIENT_ID } },
    "fails",
    /of the variable AZURE_CLIENT_ID: Cloud Shell has one identity only: Give no id$/,
  ],
  [
    "AzureCliCredential",
    "no program",
    { env: HOME },
    "absent",
    'No folder of PATH has the program "az": Install it, see ' +
    "https://learn.microsoft.com/cli/azure/install-azure-cli",
  ],
  [
    "AzureCliCredential",
    "the program, without a signed-in account",
    { env: HOME, files: ["/usr/bin/az"] },
    "absent",
    `No account is signed in ("${PROFILE}"): Run "az login"`,
  ],
  [
    "AzureCliCredential",
    "the program and a signed-in account",
    { env: HOME, files: ["/usr/bin/az", PROFILE] },
    "configured",
    `An account is signed in: "${PROFILE}"`,
  ],
  [
    "AzureCliCredential",
    "a signed-in account in a file with a byte order mark",
    { env: HOME, files: ["/usr/bin/az", PROFILE], profile: `\uFEFF${SIGNED_IN}` },
    "configured",
    `An account is signed in: "${PROFILE}"`,
  ],
  ...["", "{}", '{"subscriptions":[]}', '\uFEFF{"installationId":"i","subscriptions":[]}'].map((
    profile,
  ): typeof rows[number] => [
    "AzureCliCredential",
    `the program and a profile without an account, ${JSON.stringify(profile)}`,
    { env: HOME, files: ["/usr/bin/az", PROFILE], profile },
    "absent",
    `No account is signed in ("${PROFILE}"): Run "az login"`,
  ]),
  ...["{", "[]", '{"accounts":[]}', '{"subscriptions":{}}'].map((profile): typeof rows[number] => [
    "AzureCliCredential",
    `the program and a malformed profile, ${profile}`,
    { env: HOME, files: ["/usr/bin/az", PROFILE], profile },
    "inconclusive",
    `The profile with the signed-in account, "${PROFILE}", is malformed`,
  ]),
  [
    "AzureCliCredential",
    "the program and a profile that cannot be read",
    { env: HOME, files: ["/usr/bin/az", PROFILE], runtime: { readTextFile: () => Promise.reject(new Error("No")) } },
    "inconclusive",
    `The profile with the signed-in account, "${PROFILE}", cannot be read`,
  ],
  [
    "AzureCliCredential",
    "the program and a relative AZURE_CONFIG_DIR",
    { env: { ...HOME, AZURE_CONFIG_DIR: "cfg" }, files: ["/usr/bin/az", "cfg/azureProfile.json"] },
    "inconclusive",
    "The folder of the profile with the signed-in account is not known",
  ],
  [
    "AzureCliCredential",
    "the program and a profile that may not be accessed",
    { env: HOME, runtime: { fileExists: hide((path) => path === "/usr/bin/az") } },
    "inconclusive",
    `The profile with the signed-in account, "${PROFILE}", cannot be read`,
  ],
  [
    "AzureCliCredential",
    "folders that may not be searched and a signed-in account",
    { env: HOME, runtime: { fileExists: hide((path) => path === PROFILE) } },
    "configured",
    `An account is signed in: "${PROFILE}"`,
  ],
  [
    "AzureCliCredential",
    "folders and a profile that may not be accessed",
    { env: HOME, runtime: { fileExists: hide(() => false) } },
    "inconclusive",
    `The profile with the signed-in account, "${PROFILE}", cannot be read`,
  ],
  [
    "AzureCliCredential",
    "an account in another configuration folder",
    { env: { ...HOME, AZURE_CONFIG_DIR: "/cfg" }, files: ["/usr/bin/az", "/cfg/azureProfile.json"] },
    "configured",
    'An account is signed in: "/cfg/azureProfile.json"',
  ],
  [
    "AzureCliCredential",
    "a signed-in account without the program",
    { env: HOME, files: [PROFILE] },
    "absent",
    /^No folder of PATH/,
  ],
  [
    "AzureCliCredential",
    "a program in a relative folder",
    { env: HOME, files: ["bin/az", "./az", PROFILE] },
    "absent",
    /^No folder of PATH/,
  ],
  [
    "AzureCliCredential",
    "a batch file on Windows",
    {
      platform: "win32",
      env: { Path: "C:\\Azure", USERPROFILE: "C:\\Users\\jo" },
      files: ["C:\\Azure\\az.cmd", "C:\\Users\\jo/.azure/azureProfile.json"],
    },
    "configured",
    'An account is signed in: "C:\\Users\\jo/.azure/azureProfile.json"',
  ],
  ...([
    ["AzurePowerShellCredential", "pwsh", '"pwsh" or "powershell"', "powershell/azure/install-azure-powershell"],
    [
      "AzureDeveloperCliCredential",
      "azd",
      '"azd"',
      "azure/developer/azure-developer-cli/install-azd",
    ],
  ] as const).flatMap(([name, program, names, page]): typeof rows[number][] => [
    [
      name,
      "no program",
      { env: HOME },
      "absent",
      `No folder of PATH has the program ${names}: Install it, see https://learn.microsoft.com/${page}`,
    ],
    [
      name,
      "no PATH",
      {},
      "absent",
      'The option "env" has no PATH: Add it: the variables of the process are ignored beside that option',
    ],
    [
      name,
      "folders that may not be searched",
      { env: HOME, runtime: { fileExists: hide(() => false) } },
      "inconclusive",
      `The folders of PATH cannot be searched for ${names}`,
    ],
    [
      name,
      "a folder that may not be searched, and the program in another one",
      { env: HOME, runtime: { fileExists: hide((path) => path === `/usr/bin/${program}`) } },
      "inconclusive",
      `"/usr/bin/${program}" is installed; only the tool itself can tell which account is signed in`,
    ],
    [
      name,
      "the program",
      { env: HOME, files: [`/usr/local/bin/${program}`, `/usr/bin/${program}`] },
      "inconclusive",
      `"/usr/local/bin/${program}" is installed; only the tool itself can tell which account is signed in`,
    ],
  ]),
];

/** Returns a `fileExists` that returns `undefined`, for a missing permission, unless the file exists. */
function hide(exists: (path: string) => boolean): NonNullable<Runtime["fileExists"]> {
  return (path) => Promise.resolve(exists(path) || undefined);
}

for (const [name, situation, machine, state, detail] of rows) {
  test(`${name}, with ${situation}: ${state}`, async () => {
    const explanation = await explanationOf(name, machine);
    assert.deepEqual(Object.keys(explanation), ["credential", "state", "detail"]);
    assert.equal(explanation.state, state, explanation.detail);
    if (typeof detail === "string") assert.equal(explanation.detail, detail);
    else assert.match(explanation.detail, detail);
    assert.doesNotMatch(explanation.detail, /a-secret|a-header/);
  });
}

describe("explains only the credentials that would be tried", () => {
  for (
    const [restriction, options, names] of [
      ["AZURE_TOKEN_CREDENTIALS=prod", { env: { AZURE_TOKEN_CREDENTIALS: "prod" } }, NAMES.slice(0, 3)],
      ["AZURE_TOKEN_CREDENTIALS=dev", { env: { AZURE_TOKEN_CREDENTIALS: "dev" } }, NAMES.slice(3)],
      ["AZURE_TOKEN_CREDENTIALS with one name", { env: { AZURE_TOKEN_CREDENTIALS: "azureclicredential" } }, [
        "AzureCliCredential",
      ]],
      [
        "the option exclude",
        { exclude: ["AzureCliCredential"] },
        NAMES.filter((name) => name !== "AzureCliCredential"),
      ],
    ] as [string, Machine, Name[]][]
  ) {
    test(restriction, async () => {
      const { explanations } = await explain(options);
      assert.deepEqual(explanations.map(({ credential }) => credential), names);
    });
  }
});

test("each call examines the environment again", async () => {
  const env: Record<string, string> = {};
  const { credential } = await explain({ env });
  Object.assign(env, ID, { AZURE_CLIENT_SECRET: "a-secret" });
  assert.equal((await credential.explain())[0]!.state, "configured");
});

test("explaining does not select a credential", async () => {
  const runtime = { fileExists: () => Promise.resolve(false), run: () => Promise.reject(new Error("No")) };
  const env = { ...ID, AZURE_CLIENT_SECRET: "a-secret" };
  let requests = 0;
  const fetch = () =>
    Promise.resolve(Response.json({ access_token: "a", token_type: "Bearer", expires_in: 9 + requests++ }));
  const credential = new DefaultAzureCredential({ env, runtime, fetch, waitUntil() {} });
  await credential.explain();
  await credential.getToken(VAULT);
  assert.equal(requests, 1);
});

test("the detail is the thrown value if it is not an Error", async () => {
  const runtime = { fileExists: () => Promise.reject("The disk is gone"), run: () => Promise.reject(new Error("No")) };
  const credential = new DefaultAzureCredential({ env: { ...ID, ...FILE }, runtime });
  const explanation = (await credential.explain()).find(({ credential }) =>
    credential === "WorkloadIdentityCredential"
  );
  assert.equal(explanation?.detail, "The disk is gone");
});

if (["workerd", "web"].includes(detectPlatform())) {
  for (const name of ["AzureCliCredential", "AzurePowerShellCredential", "AzureDeveloperCliCredential"]) {
    test(`${name}, on a runtime that cannot start programs: absent`, async () => {
      const fileExists = () => Promise.resolve(true);
      const credential = new DefaultAzureCredential({ env: HOME, runtime: { platform: "linux", fileExists } });
      const explanation = (await credential.explain()).find(({ credential }) => credential === name)!;
      assert.deepEqual(explanation, {
        credential: name,
        state: "absent",
        detail: 'This runtime cannot start programs: Pass the option "runtime.run"',
      });
    });
  }
}
