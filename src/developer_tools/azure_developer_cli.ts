import { bound } from "../core/bound.ts";
import { encodeBase64 } from "../core/encoding.ts";
import { isObject, parseObject } from "../core/json.ts";
import type { Explanation } from "../credential_explanation.ts";
import { createToolClient, type ToolClient } from "./create_tool_client.ts";
import { explainTool } from "./explain_tool.ts";
import type { ToolContext } from "./run_tool.ts";
import { type DeveloperTool, objectsIn, otherFailure, sanitizeOutput, type ToolRequest } from "./tool.ts";

const UTC = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

/** Returns the client of the Azure Developer CLI. */
export function createAzureDeveloperCliClient(context: ToolContext): ToolClient {
  return createToolClient(azureDeveloperCli(), context);
}

/** Explains whether the Azure Developer CLI can return a token, without running it. */
export async function explainAzureDeveloperCli(context: ToolContext): Promise<Explanation> {
  return await explainTool(azureDeveloperCli(), context);
}

/**
 * The Azure Developer CLI, by its command `azd auth token`.
 *
 * https://learn.microsoft.com/azure/developer/azure-developer-cli/reference#azd-auth-token
 */
function azureDeveloperCli(): DeveloperTool {
  return {
    name: "Azure Developer CLI",
    programs: [{ name: "azd", mayBeBatch: true }],
    variables: ["PATH"],
    installation: "https://learn.microsoft.com/azure/developer/azure-developer-cli/install-azd",
    cacheIdentity: [],
    command({ scopes, tenantId, claims }) {
      // Each value is joined to its flag by "=": azd takes a separate value for the name of a command of an extension,
      // and requests the list of extensions each time, for up to 10 s if it cannot be reached.
      const args = ["auth", "token", "--output=json", "--no-prompt", ...scopes.map((scope) => `--scope=${scope}`)];
      if (tenantId !== "") args.push(`--tenant-id=${tenantId}`);
      if (claims !== undefined) args.push(`--claims=${encodeBase64(claims)}`);
      return { args, env: { NO_COLOR: "true" } };
    },
    read({ stdout }) {
      const { token, expiresOn } = parseObject(stdout) ?? {};
      const expiresOnTimestamp = typeof expiresOn === "string" && UTC.test(bound(expiresOn))
        ? Date.parse(expiresOn)
        : NaN;
      if (typeof token !== "string" || token === "" || Number.isNaN(expiresOnTimestamp)) return undefined;
      return { token, expiresOnTimestamp };
    },
    explain(output, request) {
      const detail = sanitizeOutput(messageIn(output.stderr));
      const nextStep = `Run ${loginWith(request)}`;
      if (/unknown flag: --claims/.test(detail)) {
        return {
          outcome: "not-for-this-call",
          reason: "This version has no option for claims",
          nextStep: "Update it to 1.18.1 or newer",
        };
      }
      if (/not logged in/i.test(detail) && !detail.includes("AADSTS")) {
        return { outcome: "absent", reason: `No account is signed in: ${detail}`, nextStep };
      }
      if (/AADSTS|multi-factor authentication|reauthentication required|azd auth login|azd login/i.test(detail)) {
        return { outcome: "inconclusive", reason: detail, nextStep };
      }
      return otherFailure(output, detail, "azd auth token");
    },
  };
}

/** Returns the command that signs in for the requested token. */
function loginWith({ scopes, tenantId }: ToolRequest): string {
  return `"azd auth login${tenantId && ` --tenant-id ${tenantId}`}${
    scopes.map((scope) => ` --scope ${scope}`).join("")
  }"`;
}

/** Returns the error message in the lines of JSON that newer versions write, or the whole text. */
function messageIn(stderr: string): string {
  const lines = objectsIn(stderr.split("\n"));
  const errors = lines.map(({ error }) => error);
  const messages = lines.map(({ data }) => isObject(data) ? data.message : undefined);
  return [...errors, ...messages].find((message): message is string =>
    typeof message === "string" && message.trim() !== ""
  ) ??
    stderr;
}
