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
import { get, identityParameter, type Machine, OTHER_RETRIES, type Source } from "./source.ts";
import { endpointIn, HEADER_TEXT } from "./variables.ts";

const ENDPOINT = "http://127.0.0.1:40342/metadata/identity/oauth2/token";
const MOST_BYTES = 4096;
const MOST_KEYS = 20;

/** Where the agent stands, and where it leaves its keys. */
interface Agent {
  readonly program: string;
  readonly keys: string;
}

/**
 * A server outside of Azure, enrolled by the agent of Azure Arc. The agent wants to see that the program may read a file that it has
 * just written.
 *
 * https://learn.microsoft.com/azure/azure-arc/servers/managed-identity-authentication
 */
export function arc({ identity, runtime, settings }: Machine): Source {
  const agent = agentOn(runtime.platform ?? operatingSystem(), settings);
  const url = new URL(settings.env("IDENTITY_ENDPOINT") ? endpointIn("IDENTITY_ENDPOINT", settings) : ENDPOINT);
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    // The key and the token would cross the network in plain text, and any host could answer in place of the agent.
    throw new AuthenticationError(
      'Cannot use the variable IDENTITY_ENDPOINT: With "http:" it must name a loopback address, where the agent of Azure Arc listens',
    );
  }
  // What "localhost" is, a hosts file says; the agent listens here.
  if (url.hostname === "localhost") url.hostname = "127.0.0.1";
  const keys: string[] = [];
  return {
    name: "Azure Arc",
    endpoint: url.href,
    proof: [],
    secrets: keys,
    retryRules: OTHER_RETRIES,
    echoes: true,
    mayLackIdentity: true,
    async send({ resource, signal, limitInMs }) {
      const parameters = { "api-version": "2020-06-01", resource, ...identityParameter(identity, "msi_res_id") };
      const headers = { Metadata: "true" };
      const answer = await get(url.href, { parameters, headers, signal, limitInMs }, settings);
      if (answer.status !== 401) return answer;
      const key = await readKey(answer.headers?.get("www-authenticate"), agent, runtime);
      // Any later answer may repeat it.
      keys.unshift(key);
      keys.splice(MOST_KEYS);
      const authorization = `Basic ${key}`;
      return await get(url.href, { parameters, headers: { ...headers, authorization }, signal, limitInMs }, settings);
    },
  };
}

/** Whether the machine has the agent, which need not say so in variables; the missing flag where the runtime may not look for it. */
export async function hasAgent({ runtime, settings }: Machine): Promise<boolean | string> {
  const agent = agentOn(runtime.platform ?? operatingSystem(), settings);
  const fileExists = fileFinder(runtime);
  if (!agent || !fileExists) return false;
  return await fileExists(agent.program) ?? flagFor({ read: agent.program });
}

function agentOn(platform: string | undefined, settings: Settings): Agent | undefined {
  switch (platform) {
    case "linux":
      return { program: "/opt/azcmagent/bin/himds", keys: "/var/opt/azcmagent/tokens/" };
    case "win32": {
      const programs = settings.env("ProgramFiles") ?? "C:\\Program Files";
      const data = settings.env("ProgramData") ?? "C:\\ProgramData";
      return {
        program: `${programs}\\AzureConnectedMachineAgent\\himds.exe`,
        keys: `${data}\\AzureConnectedMachineAgent\\Tokens\\`,
      };
    }
  }
  return undefined;
}

/** Reads the file that the challenge names. Whoever answers in place of the agent must not make us read and send another one. */
async function readKey(
  challenge: string | null | undefined,
  agent: Agent | undefined,
  runtime: RuntimeOverrides,
): Promise<string> {
  const readTextFile = textFileReader(runtime);
  if (!agent) throw new AuthenticationError("Cannot use Azure Arc: Its agent runs on Linux and Windows only");
  if (!readTextFile) {
    throw new AuthenticationError('Cannot use Azure Arc: This runtime has no files: Give "runtime.readTextFile"');
  }
  const path = /^Basic realm="?([^"]*)"?$/i.exec(bound(challenge ?? ""))?.[1];
  const name = path?.startsWith(agent.keys) ? path.slice(agent.keys.length) : "";
  if (!/^[\w.-]+\.key$/.test(name)) {
    throw new AuthenticationError(
      `Cannot use the challenge of Azure Arc: It must name a file "*.key" in "${agent.keys}"`,
      { statusCode: 401 },
    );
  }
  let text = "";
  try {
    // Before it is read: a pipe would block the process, and a device may never end.
    const size = await fileSizer(runtime)?.(path!) ?? 0;
    if (size <= MOST_BYTES) text = await readTextFile(path!);
  } catch (error) {
    // Not "PermissionDenied", which is the system's refusal.
    const flag = missingPermission(error, { read: agent.keys });
    throw flag ? new AuthenticationError(`Cannot read the key of Azure Arc: Run ${flag}`) : new AuthenticationError(
      `Cannot read the key of Azure Arc in "${agent.keys}": Run as a user who may, of the group "himds" on Linux`,
      { statusCode: 401 },
    );
  }
  const key = text.length <= MOST_BYTES ? trim(text, WHITE_SPACE) : "";
  if (HEADER_TEXT.test(key)) return key;
  throw new AuthenticationError(
    `Cannot use the key of Azure Arc "${path}": It must be a regular file of printable ASCII characters, at most ${MOST_BYTES} bytes`,
    { statusCode: 401 },
  );
}
