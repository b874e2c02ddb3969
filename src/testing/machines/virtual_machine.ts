import type { RecordedRequest } from "../simulated_service.ts";
import { createMachine, type MachineState, required } from "./machine.ts";
import { MachineError, oauthBody } from "./machine_error.ts";
import type { Machine, MachineOptions, SimulatedIdentity } from "./machine_options.ts";

/** Options of {@linkcode createVirtualMachine}. */
export interface VirtualMachineOptions extends MachineOptions {
  /**
   * Maximum number of requests per second; further requests get status 429.
   *
   * @default {5}
   */
  readonly maxRequestsPerSecond?: number;
  /**
   * The Azure region in the instance metadata.
   *
   * @default {"westeurope"}
   */
  readonly location?: string;
}

const API_VERSION = "2018-02-01";
const HOST = "http://169.254.169.254";
const TOKEN_PATH = "/metadata/identity/oauth2/token";
/** The token endpoint of the instance metadata service. */
export const METADATA_TOKEN_URL: string = HOST + TOKEN_PATH;
const INSTANCE_PATH = "/metadata/instance/compute";

/**
 * Creates a simulated virtual machine, with the instance metadata service at `http://169.254.169.254`, or at the URL in
 * the variable `AZURE_POD_IDENTITY_AUTHORITY_HOST`.
 *
 * @param options See {@linkcode VirtualMachineOptions}.
 * @throws {TypeError} An option is unknown or malformed.
 *
 * @example Request a token for the system-assigned identity, and simulate an upgrade of the service
 * ```ts
 * import { createVirtualMachine } from "@azweb/identity/testing";
 * import assert from "node:assert/strict";
 *
 * const machine = createVirtualMachine();
 * const url = "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net";
 *
 * const { access_token } = await (await machine.fetch(url, { headers: { Metadata: "true" } })).json();
 * assert.equal((await machine.verify(access_token)).aud, "https://vault.azure.net");
 *
 * machine.failNext({ status: 410 });
 * assert.equal((await machine.fetch(url, { headers: { Metadata: "true" } })).status, 410);
 * assert.equal((await machine.fetch(url)).status, 400);
 * ```
 *
 * @see https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
 */
export function createVirtualMachine(options: VirtualMachineOptions = {}): Machine {
  const { maxRequestsPerSecond = 5, location = "westeurope" } = options;
  const acceptedOn: number[] = [];

  function throttle(now: number): void {
    while (acceptedOn.length > 0 && Math.abs(now - acceptedOn[0]!) >= 1_000) acceptedOn.shift();
    if (acceptedOn.length >= maxRequestsPerSecond) {
      throw new MachineError(429, "too_many_requests", "Temporarily throttled, too many requests");
    }
    acceptedOn.push(now);
  }

  return createMachine(options, {
    name: "createVirtualMachine",
    options: { maxRequestsPerSecond: true, location: true },
    env: {},
    expiresOn: "string",
    endpoint: (env) => (env.AZURE_POD_IDENTITY_AUTHORITY_HOST ?? HOST).replace(/\/$/, "") + TOKEN_PATH,
    errorBody: oauthBody,
    async respond(request, state) {
      throttle(state.now());
      checkHeaders(request);
      if (
        required(request.query, "api-version", () => badRequest("Required query variable 'api-version' is missing")) !==
          API_VERSION
      ) {
        throw badRequest("The requested version is not supported");
      }
      const resource = required(
        request.query,
        "resource",
        () => badRequest("Required audience parameter not specified"),
      );
      return state.describe(await state.tokens.issue({ identity: findIdentity(request, state), resource }));
    },
    respondElsewhere(request) {
      if (request.path !== INSTANCE_PATH) throw new MachineError(404, "not_found", "Not found");
      checkHeaders(request);
      required(request.query, "api-version", () => badRequest("Required query variable 'api-version' is missing"));
      return { location };
    },
  });
}

function checkHeaders({ method, headers }: RecordedRequest): void {
  if (method !== "GET") throw new MachineError(405, "method_not_allowed", "Only GET is allowed");
  if (headers.metadata?.toLowerCase() !== "true") throw badRequest("Required metadata header not specified");
  if (headers["x-forwarded-for"] !== undefined) throw badRequest("Header X-Forwarded-For is not allowed");
}

/**
 * Returns the identity that the request selects, by default the system-assigned identity, or else the only
 * user-assigned one.
 *
 * @throws {MachineError} There is no such identity, or the request selects none of several user-assigned ones.
 */
export function findIdentity({ query }: RecordedRequest, { tokens }: MachineState): SimulatedIdentity {
  const { client_id: clientId, object_id: objectId, msi_res_id: resourceId } = query;
  const ids = [clientId, objectId, resourceId].filter((id) => id !== undefined);
  if (ids.length > 1) throw badRequest("Only one of client_id, object_id and msi_res_id may be specified");
  const found = tokens.find({ clientId, objectId, resourceId });
  if (found) return found;
  const [only, ...others] = ids.length === 0 ? tokens.userAssigned : [];
  if (only && others.length === 0) return only;
  throw badRequest(
    only
      ? "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request"
      : "Identity not found",
  );
}

function badRequest(message: string): MachineError {
  return new MachineError(400, "invalid_request", message);
}
