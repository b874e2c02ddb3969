import { bound } from "../core/bound.ts";
import { encodeBase64 } from "../core/encoding.ts";
import { isObject, parseObject } from "../core/json.ts";
import { createToolClient, type ToolClient } from "./create_tool_client.ts";
import type { ToolContext } from "./run_tool.ts";
import { type DeveloperTool, otherFailure, sanitizeOutput, tokenObjectIn, tokenOf, type ToolRequest } from "./tool.ts";

/** Maximum number of lines that are read: an attempt to parse that fails is expensive. */
const MAX_LINES = 100;
const UTC = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

/** Returns the client of the Azure Developer CLI. */
export function createAzureDeveloperCliClient(context: ToolContext): ToolClient {
  return createToolClient(azureDeveloperCli(), context);
}

/**
 * The Azure Developer CLI, by its command `azd auth token`.
 *
 * https://learn.microsoft.com/azure/developer/azure-developer-cli/reference#azd-auth-token
 */
export function azureDeveloperCli(): DeveloperTool {
  return {
    name: "Azure Developer CLI",
    programs: [{ name: "azd", mayBeBatch: true }],
    variables: ["PATH"],
    installation: "https://learn.microsoft.com/azure/developer/azure-developer-cli/install-azd",
    cacheIdentity: [],
    command({ scopes, tenantId, claims }) {
      // Each value is joined to its flag by "=": azd could interpret a separate value as a command of an extension, for
      // which it requests the list of extensions each time, for up to 10 s if the list cannot be reached.
      const args = ["auth", "token", "--output=json", "--no-prompt", ...scopes.map((scope) => `--scope=${scope}`)];
      if (tenantId !== "") args.push(`--tenant-id=${tenantId}`);
      if (claims !== undefined) args.push(`--claims=${encodeBase64(claims)}`);
      return { args, env: { NO_COLOR: "true" } };
    },
    read({ stdout }) {
      const object = tokenObjectIn(stdout, "token");
      const { expiresOn } = object ?? {};
      const time = typeof expiresOn === "string" && UTC.test(bound(expiresOn)) ? Date.parse(expiresOn) : NaN;
      return tokenOf(object, "token", { members: '"expiresOn"', timestamp: Number.isNaN(time) ? undefined : time });
    },
    explain(output, request, missing) {
      const text = messageIn(output.stderr);
      const message = bound(text);
      const detail = sanitizeOutput(text);
      const nextStep = `Run ${loginWith(request)}`;
      if (/unknown flag: --claims/.test(message)) {
        return {
          outcome: "not-for-this-call",
          reason: "This version has no option for claims",
          nextStep: "Update it to 1.18.1 or newer",
        };
      }
      if (/not logged in/i.test(message) && !message.includes("AADSTS")) {
        return { outcome: "absent", reason: `No account is signed in: ${detail}`, nextStep };
      }
      if (/AADSTS|multi-factor authentication|reauthentication required|azd auth login|azd login/i.test(message)) {
        return { outcome: "inconclusive", reason: detail, nextStep };
      }
      return otherFailure(output, detail || missing, "azd auth token");
    },
  };
}

/** Returns the command that signs in for the requested token. */
function loginWith({ scopes, tenantId }: ToolRequest): string {
  return `"azd auth login${tenantId && ` --tenant-id ${tenantId}`}${
    scopes.map((scope) => ` --scope ${scope}`).join("")
  }"`;
}

/**
 * Returns the first error in the lines of JSON that newer versions write, or all messages: a notice may precede the one
 * that matters.
 */
function messageIn(stderr: string): string {
  const lines = stderr.split("\n", MAX_LINES).map((line) => ({ line, object: parseObject(line) }));
  const error = lines.map(({ object }) => object?.error).find(isMessage);
  if (error !== undefined) return error;
  const messages = lines.map(({ line, object }) => object ? isObject(object.data) && object.data.message : line);
  return messages.filter(isMessage).join("\n") || stderr;
}

function isMessage(value: unknown): value is string {
  return typeof value === "string" && value.trim() !== "";
}
