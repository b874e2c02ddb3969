import { digest, encodeHex } from "../../core/encoding.ts";
import { same } from "../entra/directory.ts";
import { objectIdOf, signAccessToken } from "../entra/tokens.ts";
import { MachineError } from "./machine_error.ts";
import type { MachineOptions, SimulatedIdentity } from "./machine_options.ts";

/** The ids by which a request may select an identity. */
export type IdentityIds = Partial<Record<keyof SimulatedIdentity, string | undefined>>;

/** A request for a token. */
export interface MachineTokenRequest {
  readonly identity: SimulatedIdentity;
  readonly resource: string;
  /** The capabilities that the client declares, such as `["cp1"]`. */
  readonly capabilities?: readonly string[];
  /** The SHA-256 digest of a revoked token, hexadecimal. */
  readonly revoked?: string | undefined;
  /** The user principal name, if the token is for a user instead of the identity. */
  readonly username?: string;
}

/** A token and its properties. */
export interface MachineToken {
  readonly token: string;
  /** Its SHA-256 digest, hexadecimal. */
  readonly sha256: string;
  readonly identity: SimulatedIdentity;
  readonly resource: string;
  /** When it was issued, in seconds since the epoch. */
  readonly issuedOn: number;
  /** When it expires, in seconds since the epoch. */
  readonly expiresOn: number;
}

/** The system-assigned identity of every machine. */
export const SYSTEM_ASSIGNED: Required<SimulatedIdentity> = {
  clientId: "51577ef2-0000-4000-8000-000000000001",
  objectId: "51577ef2-0000-4000-8000-000000000002",
  resourceId:
    "/subscriptions/51577ef2-0000-4000-8000-000000000003/resourcegroups/simulated/providers/Simulated/machine",
};
const DAY_IN_MS = 86_400_000;

/** The identities of a machine and its token cache. */
export interface MachineTokens {
  /** The system-assigned identity, if the machine has one. */
  readonly system: SimulatedIdentity | undefined;
  readonly userAssigned: readonly SimulatedIdentity[];
  /** Returns the identity with the given ids, by default the system-assigned one. */
  find(ids: IdentityIds): SimulatedIdentity | undefined;
  /**
   * Returns a token from the cache, or a new one.
   *
   * @throws {MachineError} The resource is unknown.
   */
  issue(request: MachineTokenRequest): Promise<MachineToken>;
}

/**
 * Creates the identities and the token cache of a machine.
 *
 * @throws {TypeError} An identity has no client id.
 */
export function createMachineTokens(options: MachineOptions, now: () => number): MachineTokens {
  const { systemAssigned = true, userAssigned = [], resources, tokenLifetimeInMs = DAY_IN_MS } = options;
  const { tenantId = "51577ef2-0000-4000-8000-000000000004", sameTokenForMs = tokenLifetimeInMs / 2 } = options;
  for (const { clientId } of userAssigned) {
    if (!clientId) throw new TypeError('An identity must have a "clientId"');
  }
  const system = systemAssigned ? SYSTEM_ASSIGNED : undefined;
  const cache = new Map<string, MachineToken>();

  async function sign(request: MachineTokenRequest): Promise<MachineToken> {
    const { identity, resource, capabilities = [], username } = request;
    const issued = now();
    const lifetimeInS = Math.floor(tokenLifetimeInMs / 1000);
    const { clientId } = identity;
    const token = await signAccessToken({
      origin: "https://login.microsoftonline.com",
      tenantId,
      app: { tenantId, clientId, ...(!username && { claims: await claimsOf(identity) }) },
      ...(username && { user: { tenantId, username, password: "" } }),
      clientAuth: username ? 0 : 2,
      resource,
      scopes: username ? ["user_impersonation"] : [],
      handlesClaims: capabilities.some((capability) => same(capability, "cp1")),
    }, { now: () => issued, lifetimeInS });
    const issuedOn = Math.floor(issued / 1000);
    return {
      token,
      sha256: encodeHex(await digest(token)),
      identity,
      resource,
      issuedOn,
      expiresOn: issuedOn + lifetimeInS,
    };
  }

  return {
    system,
    userAssigned,
    find: (ids) => {
      const given = Object.entries(ids).filter((entry): entry is [keyof SimulatedIdentity, string] =>
        entry[1] !== undefined
      );
      if (given.length === 0) return system;
      return [...userAssigned, ...system ? [system] : []].find((identity) =>
        given.every(([name, value]) => identity[name] !== undefined && same(identity[name], value))
      );
    },
    async issue(request) {
      const { identity, resource, capabilities = [], revoked } = request;
      if (resources?.every((known) => !same(trimSlash(known), trimSlash(resource)))) {
        throw new MachineError(
          400,
          "invalid_resource",
          `AADSTS500011: The resource principal named ${resource} was not found in the tenant named ${tenantId}.`,
        );
      }
      const key = JSON.stringify([identity.clientId, resource, capabilities]);
      function cached(): MachineToken | undefined {
        const token = cache.get(key);
        if (!token || now() - token.issuedOn * 1000 >= sameTokenForMs) return undefined;
        return revoked && same(revoked, token.sha256) ? undefined : token;
      }
      const hit = cached();
      if (hit) return hit;
      const token = await sign(request);
      // A concurrent request may have issued a token in the meantime.
      const concurrent = cached();
      if (concurrent) return concurrent;
      cache.set(key, token);
      return token;
    },
  };
}

/** Formats a time, given in seconds since the epoch. */
export function formatExpiresOn(seconds: number, format: MachineOptions["expiresOn"]): string | number {
  if (format === "number") return seconds;
  if (format === "string") return String(seconds);
  const iso = new Date(seconds * 1000).toISOString();
  if (format === "iso") return iso;
  const [, year, month, day, hour, rest] = /^(\d+)-(\d+)-(\d+)T(\d+)(:\d+:\d+)/.exec(iso)!;
  const hours = String((Number(hour) + 11) % 12 + 1).padStart(2, "0");
  return `${month}/${day}/${year} ${hours}${rest} ${Number(hour) < 12 ? "AM" : "PM"} +00:00`;
}

async function claimsOf({ clientId, objectId, resourceId }: SimulatedIdentity): Promise<Record<string, unknown>> {
  const oid = objectId ?? await objectIdOf(clientId);
  const path = `Microsoft.ManagedIdentity/userAssignedIdentities/${clientId}`;
  return { oid, sub: oid, xms_mirid: resourceId ?? SYSTEM_ASSIGNED.resourceId.replace("Simulated/machine", path) };
}

function trimSlash(resource: string): string {
  return resource.replace(/\/$/, "");
}
