/**
 * Runs the official tools with this library's credentials, in situations for which the outcome is known.
 *
 * @module
 */
import { decodeJwt } from "jose";
import { join } from "node:path";
import type { BoxState } from "../../tests/support/interop/box.ts";
import { type Programs, startLaptop, type Tool } from "../../tests/support/interop/boxed_laptop.ts";

const TENANT = "22222222-2222-2222-2222-222222222222";
const UNKNOWN_TENANT = "99999999-9999-9999-9999-999999999999";
const CLIENT = "11111111-1111-1111-1111-111111111111";
const SUBSCRIPTION = "44444444-4444-4444-4444-444444444444";
const SECRET = "a-secret";
const STORAGE = "https://storage.azure.com/.default";
const REVOKED = { status: 401, code: 7000222 } as const;

/** A situation, for a call of the tool's credential. */
interface Situation {
  readonly name: string;
  readonly isSignedIn?: boolean;
  readonly tools?: readonly Tool[];
  readonly options?: object;
  readonly scope?: string | readonly string[];
  readonly getTokenOptions?: object;
  /** The failure of Entra's token requests. */
  readonly entra?: BoxState["entra"];
  /** The expected outcome, or "token". */
  readonly outcome: "token" | "absent" | "inconclusive" | "not-for-this-call";
}

const CLAIMS = '{"access_token":{"nbf":{"essential":true,"value":"1"}}}';
/** A scope whose token the tool has not cached at its sign-in. */
const VAULT = "https://vault.azure.net/.default";

const COMMON: readonly Situation[] = [
  { name: "signed in", outcome: "token" },
  { name: "not installed", tools: [], outcome: "absent" },
  { name: "not signed in", isSignedIn: false, outcome: "absent" },
  { name: "a tenant that does not exist", options: { tenantId: UNKNOWN_TENANT }, outcome: "inconclusive" },
  { name: "the secret of the account has expired", scope: VAULT, entra: REVOKED, outcome: "inconclusive" },
  { name: "Entra is unavailable (503)", scope: VAULT, entra: { status: 503 }, outcome: "inconclusive" },
  {
    name: "Entra does not respond",
    scope: VAULT,
    entra: "silent",
    options: { processTimeoutInMs: 5000 },
    outcome: "inconclusive",
  },
];

const SITUATIONS: Readonly<Record<"az" | "azd", readonly Situation[]>> = {
  az: [
    ...COMMON,
    { name: "a subscription that does not exist", options: { subscription: "Nowhere" }, outcome: "inconclusive" },
    { name: "a subscription by its id", options: { subscription: SUBSCRIPTION }, outcome: "token" },
    { name: "a call with claims", getTokenOptions: { claims: CLAIMS }, outcome: "not-for-this-call" },
  ],
  azd: [
    ...COMMON,
    { name: "a call with claims", getTokenOptions: { claims: CLAIMS }, outcome: "token" },
    {
      name: "a call with two scopes",
      scope: ["https://a.example/.default", "https://a.example/.default"],
      outcome: "token",
    },
  ],
};
const CREDENTIALS = { az: "AzureCliCredential", azd: "AzureDeveloperCliCredential" } as const;

/** The result of a call. */
interface Cell {
  readonly outcome: string;
  /** The reason and the next step of an error. */
  readonly reason: string;
  readonly ms: number;
}

/** Runs a tool in each situation. */
async function runTool(tool: "az" | "azd", programs: Programs): Promise<Map<string, Cell>> {
  const laptop = await startLaptop({
    entra: { apps: [{ tenantId: TENANT, clientId: CLIENT, secrets: [SECRET] }] },
    machine: {},
    subscriptions: { [TENANT]: [{ id: SUBSCRIPTION, name: "Production" }] },
    logins: tool === "az" ? [["--service-principal", "-u", CLIENT, "-p", SECRET, "--tenant", TENANT]] : [],
    programs,
  });
  const cells = new Map<string, Cell>();
  try {
    await laptop.box.set({ machine: "refused" });
    const [signedIn, never] = [join(laptop.folder, "azd"), join(laptop.folder, "azd-never")];
    const variables = { SSL_CERT_FILE: laptop.box.authorityPath, AZURE_DEV_COLLECT_TELEMETRY: "no" };
    if (tool === "azd") {
      const login = ["auth", "login", "--client-id", CLIENT, "--client-secret", SECRET, "--tenant-id", TENANT];
      const env = { ...variables, AZD_CONFIG_DIR: signedIn };
      const { code, stdout, stderr } = await laptop.box.start([programs.azd!, ...login], env).ended;
      if (code !== 0) throw new Error(`azd auth login ended with ${code}: ${stdout}${stderr}`);
    }
    for (const situation of SITUATIONS[tool]) {
      const { name, isSignedIn = true, tools = [tool], options, scope = STORAGE, getTokenOptions, entra } = situation;
      await laptop.box.set({ machine: "refused", isDiscoveryUp: true, ...entra && { entra } });
      const call = { credential: CREDENTIALS[tool], options, scope, getTokenOptions };
      const { stdout, stderr } = await laptop.run("ours on Deno", "ask_credentials", {
        tools,
        isSignedIn: isSignedIn && tool === "az",
        env: { ...variables, AZD_CONFIG_DIR: isSignedIn ? signedIn : never },
        args: [JSON.stringify([call])],
      });
      const { token, error, outcome, ms } = JSON.parse(stdout.trim() || JSON.stringify({ error: stderr, ms: 0 }));
      const isRight = token && decodeJwt(token).appid === CLIENT;
      cells.set(name, { outcome: isRight ? "token" : String(outcome), reason: error ?? "", ms });
    }
  } finally {
    await laptop.close();
  }
  return cells;
}

/** Runs the tools, prints a table for each, and returns what is wrong. */
export async function compareTools(
  programs: Programs,
  versions: Readonly<Record<string, string>>,
): Promise<string[]> {
  const { az, azd, ...others } = programs;
  const problems = await compare("az", {
    [`az ${versions["Debian's Azure CLI"]}`]: others,
    [`az ${versions["Azure CLI"]}`]: { ...others, az: az! },
  });
  if (!azd) console.log("\nazd is not on PATH");
  else problems.push(...await compare("azd", { [versions["Azure Developer CLI"]!]: { ...others, azd } }));
  return problems;
}

async function compare(tool: "az" | "azd", versions: Readonly<Record<string, Programs>>): Promise<string[]> {
  const columns: Map<string, Cell>[] = [];
  for (const programs of Object.values(versions)) columns.push(await runTool(tool, programs));
  const names = Object.keys(versions);
  console.log(`\n| situation | ${names.join(" | ")} |\n| --- |${" --- |".repeat(names.length)}`);
  const problems: string[] = [];
  for (const { name, outcome } of SITUATIONS[tool]) {
    const cells = columns.map((column) => column.get(name)!);
    console.log(`| ${name} | ${cells.map((cell) => `${cell.outcome}, ${cell.ms} ms`).join(" | ")} |`);
    for (const [index, cell] of cells.entries()) {
      if (cell.outcome === outcome) continue;
      problems.push(`${names[index]}, ${name}: the outcome must be ${outcome}, and is ${cell.outcome}: ${cell.reason}`);
    }
  }
  for (const [index, column] of columns.entries()) {
    for (const [name, { reason }] of column) if (reason) console.log(`${names[index]}, ${name}: ${reason}`);
  }
  return problems;
}
