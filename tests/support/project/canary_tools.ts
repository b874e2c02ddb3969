/**
 * The credentials of developer tools, and every failure of a tool.
 *
 * @module
 */
import {
  AzureCliCredential,
  AzureDeveloperCliCredential,
  AzurePowerShellCredential,
  type CredentialOptions,
  DefaultAzureCredential,
  type TokenCredential,
} from "@azweb/identity";
import { createFakeClock } from "@azweb/identity/testing";
import { FEDERATED_TOKEN, observe, type Outcome, resultOf, SECRET, TOKEN } from "./canary.ts";
import { ANSWERS, type Behaviour, createPrograms, deskOptions, hang, HOUR, PROFILE } from "../developer_tools/tool.ts";

type Create = (options: CredentialOptions) => TokenCredential;

/** The credentials of developer tools. */
const TOOLS: Readonly<Record<string, Create>> = {
  "the Azure CLI": (options) => new AzureCliCredential(options),
  "the Azure CLI, with a subscription": (options) =>
    new AzureCliCredential({ ...options, subscription: "s", tenantId: "t" }),
  "Azure PowerShell": (options) => new AzurePowerShellCredential(options),
  "the Azure Developer CLI": (options) => new AzureDeveloperCliCredential(options),
  "DefaultAzureCredential, with tools": (options) =>
    new DefaultAzureCredential({ ...options, exclude: ["ManagedIdentityCredential"] }),
};

/** Breaks a text into lines of this width, as a terminal does. */
function wrapped(text: string, width: number): string {
  return text.replace(new RegExp(`.{${width}}`, "g"), "$&\r\n");
}

/** A token in the format of Entra. */
const TOOL_TOKEN = `${FEDERATED_TOKEN}${btoa("CANARY".repeat(40))}`;
/** A token in the format for personal accounts. */
const OPAQUE_TOKEN = `EwB${btoa("CANARY".repeat(60))}`;

/** Every failure of a tool, each with as much of a token in the output as possible. */
export const TOOL_FAULTS: Readonly<Record<string, Behaviour>> = {
  "a token without an expiry": () => ({ stdout: JSON.stringify({ accessToken: TOKEN, token: TOKEN, Token: TOKEN }) }),
  "a token whose expiry is a token": () => ({
    stdout: JSON.stringify({ accessToken: TOKEN, token: TOKEN, expires_on: TOKEN, expiresOn: TOKEN, tenant: TOKEN }),
  }),
  "a token of another tenant": () => ({
    stdout: JSON.stringify({ accessToken: TOKEN, expires_on: 9e9, tenant: TOKEN, token: TOKEN }),
  }),
  "a token that has expired": () => ({
    stdout: JSON.stringify({
      ...{ accessToken: TOKEN, token: TOKEN, expires_on: 1 },
      ...{ expiresOn: "1970-01-01T00:00:01Z" },
    }),
  }),
  "half a token": () => ({ stdout: `{"accessToken":"${TOKEN}`, code: 1 }),
  "a token as text": () => ({ stdout: TOKEN, code: 1 }),
  "a token in an array": () => ({ stdout: JSON.stringify([{ accessToken: TOKEN, token: TOKEN }]) }),
  "a token in the error message": () => ({ stderr: `ERROR: Bad: ${TOOL_TOKEN}`, code: 1 }),
  "an opaque token in the error message": () => ({ stderr: `ERROR: Bad: ${OPAQUE_TOKEN}`, code: 1 }),
  "a token beside a known error": () => ({
    stderr: `az login, azd auth login, Connect-AzAccount, AADSTS1: "Bearer ${TOOL_TOKEN}"`,
    code: 1,
  }),
  "a token in the error message, in a narrow terminal": () => ({
    stderr: `ERROR: ${wrapped(TOOL_TOKEN, 40)}`,
    code: 1,
  }),
  "a token in the error message, after many words": () => ({ stderr: `${"x ".repeat(190)}${TOOL_TOKEN}`, code: 1 }),
  "a token in an error message in JSON": () => ({
    stdout: JSON.stringify({ error: `Bad: ${TOOL_TOKEN} {}` }),
    stderr: `${JSON.stringify({ error: `Bad: ${TOOL_TOKEN}` })}\n${JSON.stringify({ data: { message: TOOL_TOKEN } })}`,
    code: 1,
  }),
  "a run whose error contains the token": () =>
    Object.assign(new Error(`spawn ${TOOL_TOKEN}`, { cause: new Error(TOKEN) }), {
      ...{ code: "EFAULT", stdout: TOKEN, stderr: TOKEN, spawnargs: [TOKEN], [Symbol("output")]: TOKEN },
    }),
  "a run that rejects with the token": () => Promise.reject(TOOL_TOKEN),
  "a run that rejects with its output": () => Promise.reject({ stdout: TOKEN, message: TOOL_TOKEN }),
  "a tool that hangs": hang,
};

/** Gets a token with every credential of a tool, once for each failure and for each tool that works. */
export async function* toolOutcomes(): AsyncGenerator<Outcome> {
  for (const [whose, create] of Object.entries(TOOLS)) {
    for (const [how, behave] of Object.entries(TOOL_FAULTS)) yield await runTool(`${whose}: ${how}`, create, behave);
    for (const tool of ["az", "azd", "pwsh"] as const) {
      const behave: Behaviour = ({ command }) =>
        command.endsWith(`/${tool}`) ? ANSWERS[tool](Date.now() + HOUR, TOKEN) : { code: 127 };
      yield await runTool(`${whose}: a token of ${tool}`, create, behave);
    }
  }
}

async function runTool(name: string, create: Create, behave: Behaviour): Promise<Outcome> {
  const clock = createFakeClock();
  const programs = createPrograms(behave);
  const { visible, options } = observe();
  // The signed-in account must not be visible either.
  const credential = create({ ...deskOptions(programs, { clock, files: { [PROFILE]: SECRET } }), ...options });
  visible.push(credential);
  let done = false;
  const result = resultOf(credential).finally(() => done = true);
  while (!done) {
    await Promise.race([result, clock.untilSleeping()]);
    await clock.advance(behave === hang ? 15_000 : 0);
  }
  visible.push(await result);
  return { name, visible, secrets: [] };
}
