import { createMachine, type MachineInside, required } from "./machine.ts";
import type { Machine, MachineOptions } from "./machine_options.ts";
import { MachineRefusal, oauthBody } from "./machine_refusal.ts";
import type { RecordedRequest } from "./request_record.ts";

/** What {@linkcode createArcServer} accepts. */
export interface ArcServerOptions extends MachineOptions {
  /** The operating system, by the names of Node. Default: `"linux"`. */
  readonly platform?: "linux" | "win32";
  /** Whether the agent is an old one, that gives the machine's own token whatever identity it is asked for. Default: `false`. */
  readonly ignoresUserAssigned?: boolean;
}

const API_VERSIONS = ["2019-11-01", "2020-06-01"];
const DEFAULT_ENDPOINT = "http://127.0.0.1:40342/metadata/identity/oauth2/token";
const SYSTEMS = {
  linux: { env: {}, agent: "/opt/azcmagent/bin/himds", folder: "/var/opt/azcmagent/tokens/" },
  win32: {
    env: { ProgramData: "C:\\ProgramData", ProgramFiles: "C:\\Program Files" },
    agent: "C:\\Program Files\\AzureConnectedMachineAgent\\himds.exe",
    folder: "C:\\ProgramData\\AzureConnectedMachineAgent\\Tokens\\",
  },
};

/**
 * Makes a simulated server with the agent of
 * {@link https://learn.microsoft.com/azure/azure-arc/servers/managed-identity-authentication | Azure Arc}. Whoever wants a token has to show that
 * it may read a file: the first answer names the file, a new one each time, and the second request brings its content. A file is
 * gone as soon as its content was brought.
 *
 * It listens where its variable `IDENTITY_ENDPOINT` says; without the variables, at the agent's usual place, so that only the agent's file
 * gives it away.
 *
 * @example The challenge, and its answer
 * ```ts
 * import { createArcServer } from "@azweb/identity/testing";
 * import assert from "node:assert/strict";
 *
 * const machine = createArcServer();
 * const url = `${machine.env.IDENTITY_ENDPOINT}?api-version=2020-06-01&resource=https://vault.azure.net`;
 *
 * const challenge = await machine.fetch(url, { headers: { Metadata: "true" } });
 * assert.equal(challenge.status, 401);
 * const [, path] = challenge.headers.get("www-authenticate")!.split("Basic realm=");
 *
 * const Authorization = `Basic ${machine.files.get(path!)}`;
 * const { access_token } = await (await machine.fetch(url, { headers: { Metadata: "true", Authorization } })).json();
 * assert.equal((await machine.verify(access_token)).aud, "https://vault.azure.net");
 * assert.equal(machine.files.has(path!), false);
 * ```
 */
export function createArcServer(options: ArcServerOptions = {}): Machine {
  const { platform = "linux", ignoresUserAssigned = false } = options;
  const { env, agent, folder } = SYSTEMS[platform];
  return createMachine(options, {
    env: { ...env, IDENTITY_ENDPOINT: DEFAULT_ENDPOINT, IMDS_ENDPOINT: "http://127.0.0.1:40342" },
    files: { [agent]: "" },
    platform,
    expiresOn: "text",
    endpoint: (env) => env.IDENTITY_ENDPOINT ?? DEFAULT_ENDPOINT,
    errorBody: oauthBody,
    async answer(asked, inside) {
      const { method, headers, query } = asked;
      if (method !== "GET") throw new MachineRefusal(405, "method_not_allowed", "Only GET is allowed");
      if (headers.metadata?.toLowerCase() !== "true") throw bad("Required metadata header not specified");
      if (!API_VERSIONS.includes(query["api-version"] ?? "")) throw bad("The requested version is not supported");
      const resource = required(query, "resource", () => bad("Required audience parameter not specified"));
      checkKey(asked, inside.files, folder);
      const wanted = ignoresUserAssigned ? {} : identityIds(asked);
      const identity = inside.tokens.find(wanted);
      if (!identity) throw bad("Identity not found");
      return {
        ...inside.describe(await inside.tokens.issue({ identity, resource })),
        object_id: wanted.objectId,
        msi_res_id: wanted.resourceId,
      };
    },
  });
}

/** Takes the key that was brought, or challenges to bring one. */
function checkKey({ headers }: RecordedRequest, files: MachineInside["files"], folder: string): void {
  const [, key] = /^Basic (.+)$/s.exec(headers.authorization ?? "") ?? [];
  const file = key && [...files].find(([path, content]) => path.startsWith(folder) && content === key);
  if (file) {
    files.delete(file[0]);
    return;
  }
  const path = `${folder}${crypto.randomUUID()}.key`;
  files.set(path, `${crypto.randomUUID()}${crypto.randomUUID()}`);
  throw new MachineRefusal(
    401,
    "unauthorized_client",
    key ? "Invalid Basic Authorization header" : "Missing Basic Authorization header",
    {
      "www-authenticate": `Basic realm=${path}`,
    },
  );
}

function identityIds(
  { query }: RecordedRequest,
): Partial<Record<"clientId" | "objectId" | "resourceId", string | undefined>> {
  return { clientId: query.client_id, objectId: query.object_id, resourceId: query.msi_res_id };
}

function bad(message: string): MachineRefusal {
  return new MachineRefusal(400, "invalid_request", message);
}
