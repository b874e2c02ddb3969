import { bound } from "../core/bound.ts";
import type { Settings } from "../core/settings.ts";
import { trim, WHITE_SPACE } from "../core/trim.ts";
import { isLoopback } from "../core/url.ts";
import { AuthenticationError } from "../errors.ts";
import { fileFinder } from "../runtime/file_exists.ts";
import { fileSizer, textFileReader } from "../runtime/files.ts";
import { operatingSystem } from "../runtime/operating_system.ts";
import { flagFor, missingPermission } from "../runtime/permission.ts";
import type { RuntimeOverrides } from "../runtime/runtime.ts";
import { get, identityParameter, type MachineContext, OTHER_RETRIES, type Source } from "./source.ts";
import { endpointIn, HEADER_VALUE } from "./variables.ts";

const ENDPOINT = "http://127.0.0.1:40342/metadata/identity/oauth2/token";
const MAX_BYTES = 4096;
const MAX_KEYS = 20;

/** The paths of the agent. */
interface Agent {
  /** The agent itself. */
  readonly program: string;
  /** The folder of its keys. */
  readonly keys: string;
  /** Whether paths are those of Windows. */
  readonly isWindows: boolean;
}

/**
 * Azure Arc: a server outside of Azure, which is connected to Azure by an agent. The agent writes a key to a file, and
 * the program proves with the key that it may read the file.
 *
 * https://learn.microsoft.com/azure/azure-arc/servers/managed-identity-authentication
 */
export function arc({ identity, runtime, settings }: MachineContext): Source {
  const agent = agentOn(runtime.platform ?? operatingSystem(), settings);
  const url = new URL(settings.env("IDENTITY_ENDPOINT") ? endpointIn("IDENTITY_ENDPOINT", settings) : ENDPOINT);
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    // The key and the token would cross the network in plain text, and another host could pose as the agent.
    throw new AuthenticationError(
      'Cannot use the variable IDENTITY_ENDPOINT: With "http:" it must name a loopback address, where the agent of Azure Arc listens',
    );
  }
  // Not "localhost", whose address depends on the hosts file: the agent listens at 127.0.0.1.
  if (url.hostname === "localhost") url.hostname = "127.0.0.1";
  const keys: string[] = [];
  return {
    name: "Azure Arc",
    endpoint: url.href,
    cacheIdentity: [],
    secrets: keys,
    retryRules: OTHER_RETRIES,
    confirmsIdentity: true,
    mayLackIdentity: true,
    async send({ resource, signal, limitInMs }) {
      const parameters = { "api-version": "2020-06-01", resource, ...identityParameter(identity, "msi_res_id") };
      const headers = { Metadata: "true" };
      const response = await get(url.href, { parameters, headers, signal, limitInMs }, settings);
      if (response.status !== 401) return response;
      const key = await readKey(response.headers?.get("www-authenticate"), agent, runtime);
      // The keys are redacted in messages, because a later response may repeat them.
      keys.unshift(key);
      keys.splice(MAX_KEYS);
      const authorization = `Basic ${key}`;
      return await get(url.href, { parameters, headers: { ...headers, authorization }, signal, limitInMs }, settings);
    },
  };
}

/**
 * Whether the agent is installed, also if its variables are not set. Returns the missing flag if the runtime does not
 * permit the check.
 */
export async function hasAgent({ runtime, settings }: MachineContext): Promise<boolean | string> {
  const agent = agentOn(runtime.platform ?? operatingSystem(), settings);
  const fileExists = fileFinder(runtime);
  if (!agent || !fileExists) return false;
  return await fileExists(agent.program) ?? flagFor({ read: agent.program });
}

function agentOn(platform: string | undefined, settings: Settings): Agent | undefined {
  switch (platform) {
    case "linux":
      return { program: "/opt/azcmagent/bin/himds", keys: "/var/opt/azcmagent/tokens/", isWindows: false };
    case "win32": {
      const programs = settings.env("ProgramFiles") ?? "C:\\Program Files";
      const data = settings.env("ProgramData") ?? "C:\\ProgramData";
      return {
        program: `${programs}\\AzureConnectedMachineAgent\\himds.exe`,
        keys: `${data}\\AzureConnectedMachineAgent\\Tokens\\`,
        isWindows: true,
      };
    }
  }
  return undefined;
}

/**
 * Reads the key file that the challenge names. A service that poses as the agent must not get the content of another
 * file.
 */
async function readKey(
  challenge: string | null | undefined,
  agent: Agent | undefined,
  runtime: RuntimeOverrides,
): Promise<string> {
  const readTextFile = textFileReader(runtime);
  if (!agent) throw new AuthenticationError("Cannot use Azure Arc: Its agent runs on Linux and Windows only");
  if (!readTextFile) {
    throw new AuthenticationError(
      'Cannot use Azure Arc: This runtime has no files: Pass the option "runtime.readTextFile"',
    );
  }
  const name = keyNameIn(/^Basic realm="?([^"]*)"?$/i.exec(bound(challenge ?? ""))?.[1] ?? "", agent);
  if (name === undefined) {
    throw new AuthenticationError(
      `Cannot use the challenge of Azure Arc: It must name a file "*.key" in "${agent.keys}"`,
      { statusCode: 401 },
    );
  }
  // Not the path in the challenge, which may be spelt differently.
  const path = agent.keys + name;
  let content = "";
  try {
    // Checked before the file is read: a pipe would block the process, and a device may never end.
    const size = await fileSizer(runtime)?.(path) ?? 0;
    if (size <= MAX_BYTES) content = await readTextFile(path);
  } catch (error) {
    // There is a flag only if the permissions of Deno or Node deny the access. If the operating system denies it, Deno
    // throws another error, "PermissionDenied".
    const flag = missingPermission(error, { read: agent.keys });
    throw flag ? new AuthenticationError(`Cannot read the key of Azure Arc: Run ${flag}`) : new AuthenticationError(
      `Cannot read the key of Azure Arc in "${agent.keys}": Run as a user with access: on Linux, a member of the group "himds"`,
      { statusCode: 401 },
    );
  }
  const key = content.length <= MAX_BYTES ? trim(content, WHITE_SPACE) : "";
  if (HEADER_VALUE.test(key)) return key;
  throw new AuthenticationError(
    `Cannot use the key of Azure Arc "${path}": It must be a regular file of printable ASCII characters, at most ${MAX_BYTES} bytes`,
    { statusCode: 401 },
  );
}

/** Returns the name of the key file; `undefined` if the path does not lead to a key file in the agent's folder. */
function keyNameIn(path: string, { keys, isWindows }: Agent): string | undefined {
  // Windows accepts both separators, and does not distinguish between upper and lower case.
  const normalize = (path: string) => isWindows ? path.replace(/[\\/]+/g, "\\").toLowerCase() : path;
  const separator = Math.max(path.lastIndexOf("/"), isWindows ? path.lastIndexOf("\\") : -1);
  const name = path.slice(separator + 1);
  const isKey = normalize(path) === normalize(keys + name) && /^[\w.-]+\.key$/.test(normalize(name));
  return isKey ? name : undefined;
}
