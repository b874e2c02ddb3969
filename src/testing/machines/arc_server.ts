import { checkChoice } from "../check_members.ts";
import type { RecordedRequest } from "../simulated_service.ts";
import { createMachine, type MachineState, required } from "./machine.ts";
import { MachineError, oauthBody } from "./machine_error.ts";
import type { Machine, MachineOptions } from "./machine_options.ts";

/** Options of {@linkcode createArcServer}. */
export interface ArcServerOptions extends MachineOptions {
  /**
   * The operating system, by the name that Node.js uses.
   *
   * @default {"linux"}
   */
  readonly platform?: "linux" | "win32";
  /**
   * Whether the agent ignores the requested identity and returns a token for the system-assigned one, as early versions
   * do.
   *
   * @default {false}
   */
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
 * Creates a simulated server with the agent of Azure Arc. A client must prove that it may read a file: the response to
 * the first request is a challenge with the path of a new file, and the second request sends its content. The agent
 * then deletes the file.
 *
 * The token endpoint is the URL in the variable `IDENTITY_ENDPOINT`. Without the variable it is the default one, and
 * only the agent's executable shows that the machine is a server of Azure Arc.
 *
 * @param options See {@linkcode ArcServerOptions}.
 * @throws {TypeError} An option is unknown or malformed.
 *
 * @example Respond to the challenge
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
 *
 * @see https://learn.microsoft.com/azure/azure-arc/servers/managed-identity-authentication
 */
export function createArcServer(options: ArcServerOptions = {}): Machine {
  const { platform = "linux", ignoresUserAssigned = false } = options;
  checkChoice("platform", platform, Object.keys(SYSTEMS));
  const { env, agent, folder } = SYSTEMS[platform];
  return createMachine(options, {
    name: "createArcServer",
    options: { platform: true, ignoresUserAssigned: true },
    env: { ...env, IDENTITY_ENDPOINT: DEFAULT_ENDPOINT, IMDS_ENDPOINT: "http://127.0.0.1:40342" },
    files: { [agent]: "" },
    platform,
    expiresOn: "string",
    endpoint: (env) => env.IDENTITY_ENDPOINT ?? DEFAULT_ENDPOINT,
    errorBody: oauthBody,
    async respond(request, state) {
      const { method, headers, query } = request;
      if (method !== "GET") throw new MachineError(405, "method_not_allowed", "Only GET is allowed");
      if (headers.metadata?.toLowerCase() !== "true") throw badRequest("Required metadata header not specified");
      if (!API_VERSIONS.includes(query["api-version"] ?? "")) {
        throw badRequest("The requested version is not supported");
      }
      const resource = required(query, "resource", () => badRequest("Required audience parameter not specified"));
      checkKey(request, state.files, folder);
      const ids = ignoresUserAssigned ? {} : identityIds(request);
      const identity = state.tokens.find(ids);
      if (!identity) throw badRequest("Identity not found");
      return {
        ...state.describe(await state.tokens.issue({ identity, resource })),
        object_id: ids.objectId,
        msi_res_id: ids.resourceId,
      };
    },
  });
}

/**
 * Accepts the key that the client sends, and deletes its file.
 *
 * @throws {MachineError} The key is missing or unknown; the error is a new challenge.
 */
function checkKey({ headers }: RecordedRequest, files: MachineState["files"], folder: string): void {
  const [, key] = /^Basic (.+)$/s.exec(headers.authorization ?? "") ?? [];
  const file = key && [...files].find(([path, content]) => path.startsWith(folder) && content === key);
  if (file) {
    files.delete(file[0]);
    return;
  }
  const path = `${folder}${crypto.randomUUID()}.key`;
  files.set(path, `${crypto.randomUUID()}${crypto.randomUUID()}`);
  throw new MachineError(
    401,
    "unauthorized_client",
    key ? "Invalid Basic Authorization header" : "Missing Basic Authorization header",
    { "www-authenticate": `Basic realm=${path}` },
  );
}

function identityIds(
  { query }: RecordedRequest,
): Partial<Record<"clientId" | "objectId" | "resourceId", string | undefined>> {
  return { clientId: query.client_id, objectId: query.object_id, resourceId: query.msi_res_id };
}

function badRequest(message: string): MachineError {
  return new MachineError(400, "invalid_request", message);
}
