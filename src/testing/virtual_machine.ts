import { createMachine, type MachineInside, required } from "./machine.ts";
import type { Machine, MachineOptions, SimulatedIdentity } from "./machine_options.ts";
import { MachineRefusal, oauthBody } from "./machine_refusal.ts";
import type { RecordedRequest } from "./request_record.ts";

/** What {@linkcode createVirtualMachine} accepts. */
export interface VirtualMachineOptions extends MachineOptions {
  /** How many requests it answers in a second; those beyond get status 429. Default: 5, as the real service. */
  readonly maxRequestsPerSecond?: number;
  /** The region that it says it stands in. Default: `"westeurope"`. */
  readonly location?: string;
}

const API_VERSION = "2018-02-01";
const HOST = "http://169.254.169.254";
const TOKEN_PATH = "/metadata/identity/oauth2/token";
/** The token endpoint of the instance metadata service. */
export const METADATA_TOKEN_URL: string = HOST + TOKEN_PATH;
const INSTANCE_PATH = "/metadata/instance/compute";

/**
 * Makes a simulated virtual machine: the {@link https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token |
 * instance metadata service} at `http://169.254.169.254`, or at the variable `AZURE_POD_IDENTITY_AUTHORITY_HOST`.
 *
 * @example A token of the machine's own identity, and an upgrade
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
 */
export function createVirtualMachine(options: VirtualMachineOptions = {}): Machine {
  const { maxRequestsPerSecond = 5, location = "westeurope" } = options;
  const answered: number[] = [];

  function throttle(now: number): void {
    while (answered.length > 0 && Math.abs(now - answered[0]!) >= 1_000) answered.shift();
    if (answered.length >= maxRequestsPerSecond) {
      throw new MachineRefusal(429, "too_many_requests", "Temporarily throttled, too many requests");
    }
    answered.push(now);
  }

  return createMachine(options, {
    env: {},
    expiresOn: "text",
    endpoint: (env) => (env.AZURE_POD_IDENTITY_AUTHORITY_HOST ?? HOST).replace(/\/$/, "") + TOKEN_PATH,
    errorBody: oauthBody,
    async answer(asked, inside) {
      throttle(inside.now());
      checkHeaders(asked);
      if (
        required(asked.query, "api-version", () => bad("Required query variable 'api-version' is missing")) !==
          API_VERSION
      ) {
        throw bad("The requested version is not supported");
      }
      const resource = required(asked.query, "resource", () => bad("Required audience parameter not specified"));
      return inside.describe(await inside.tokens.issue({ identity: findIdentity(asked, inside), resource }));
    },
    answerElse(asked) {
      if (asked.path !== INSTANCE_PATH) throw new MachineRefusal(404, "not_found", "Not found");
      checkHeaders(asked);
      required(asked.query, "api-version", () => bad("Required query variable 'api-version' is missing"));
      return { location };
    },
  });
}

function checkHeaders({ method, headers }: RecordedRequest): void {
  if (method !== "GET") throw new MachineRefusal(405, "method_not_allowed", "Only GET is allowed");
  if (headers.metadata?.toLowerCase() !== "true") throw bad("Required metadata header not specified");
  if (headers["x-forwarded-for"] !== undefined) throw bad("Header X-Forwarded-For is not allowed");
}

/** Returns the identity that a request names, or the only one of the machine. Throws the service's error where there is none. */
export function findIdentity({ query }: RecordedRequest, { tokens }: MachineInside): SimulatedIdentity {
  const { client_id: clientId, object_id: objectId, msi_res_id: resourceId } = query;
  const ids = [clientId, objectId, resourceId].filter((id) => id !== undefined);
  if (ids.length > 1) throw bad("Only one of client_id, object_id and msi_res_id may be specified");
  const found = tokens.find({ clientId, objectId, resourceId });
  if (found) return found;
  // Without an identity of its own a machine takes the only one that was assigned to it.
  const [only, ...others] = ids.length === 0 ? tokens.userAssigned : [];
  if (only && others.length === 0) return only;
  throw bad(
    only
      ? "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request"
      : "Identity not found",
  );
}

function bad(message: string): MachineRefusal {
  return new MachineRefusal(400, "invalid_request", message);
}
