import { digest, encodeHex } from "../core/encoding.ts";
import { same } from "./directory.ts";
import type { MachineOptions, SimulatedIdentity } from "./machine_options.ts";
import { MachineRefusal } from "./machine_refusal.ts";
import { objectIdOf, signAccessToken } from "./tokens.ts";

/** The ids of which one may be in a request. */
export type IdentityIds = Partial<Record<keyof SimulatedIdentity, string | undefined>>;

/** What a token is wanted for. */
export interface MachineTokenOrder {
  readonly identity: SimulatedIdentity;
  readonly resource: string;
  /** What the client says that it can handle: `["cp1"]`. */
  readonly capabilities?: readonly string[];
  /** The SHA-256 digest of a token that was revoked, hexadecimal. */
  readonly revoked?: string | undefined;
  /** The person whom the token is for, by the user principal name, instead of the identity itself. */
  readonly username?: string;
}

/** A token, and what answers say of it. */
export interface MachineToken {
  readonly token: string;
  /** Its digest, hexadecimal. */
  readonly sha256: string;
  readonly identity: SimulatedIdentity;
  readonly resource: string;
  /** When it was made and when it ends, in seconds since the epoch. */
  readonly issuedOn: number;
  readonly expiresOn: number;
}

/** The machine's own identity. */
export const SYSTEM_ASSIGNED: Required<SimulatedIdentity> = {
  clientId: "51577ef2-0000-4000-8000-000000000001",
  objectId: "51577ef2-0000-4000-8000-000000000002",
  resourceId:
    "/subscriptions/51577ef2-0000-4000-8000-000000000003/resourcegroups/simulated/providers/Simulated/machine",
};
const DAY_IN_MS = 86_400_000;

/** The identities of a machine, and the tokens that it keeps for them. */
export interface MachineTokens {
  /** The machine's own identity, unless it has none. */
  readonly system: SimulatedIdentity | undefined;
  readonly userAssigned: readonly SimulatedIdentity[];
  /** Returns the identity with the id; the machine's own where there is no id. */
  find(ids: IdentityIds): SimulatedIdentity | undefined;
  /** Returns the token that is kept, or a new one. Throws a `MachineRefusal` for an unknown resource. */
  issue(order: MachineTokenOrder): Promise<MachineToken>;
}

/** Makes the identities of a machine. */
export function createMachineTokens(options: MachineOptions, now: () => number): MachineTokens {
  const { systemAssigned = true, userAssigned = [], resources, tokenLifetimeInMs = DAY_IN_MS } = options;
  const { tenantId = "51577ef2-0000-4000-8000-000000000004", sameTokenForMs = tokenLifetimeInMs / 2 } = options;
  for (const { clientId } of userAssigned) {
    if (!clientId) throw new TypeError('An identity needs a "clientId"');
  }
  const system = systemAssigned ? SYSTEM_ASSIGNED : undefined;
  const kept = new Map<string, MachineToken>();

  async function sign(order: MachineTokenOrder): Promise<MachineToken> {
    const { identity, resource, capabilities = [], username } = order;
    const issued = now();
    const lifetimeInS = Math.floor(tokenLifetimeInMs / 1000);
    const { clientId } = identity;
    const token = await signAccessToken({
      origin: "https://login.microsoftonline.com",
      tenantId,
      app: { tenantId, clientId, ...(!username && { claims: await claimsOf(identity) }) },
      ...(username && { user: { tenantId, username, password: "" } }),
      proof: username ? 0 : 2,
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
      const wanted = Object.entries(ids).filter((entry): entry is [keyof SimulatedIdentity, string] =>
        entry[1] !== undefined
      );
      if (wanted.length === 0) return system;
      return [...userAssigned, ...system ? [system] : []].find((identity) =>
        wanted.every(([name, value]) => identity[name] !== undefined && same(identity[name], value))
      );
    },
    async issue(order) {
      const { identity, resource, capabilities = [], revoked } = order;
      if (resources?.every((known) => !same(bare(known), bare(resource)))) {
        throw new MachineRefusal(
          400,
          "invalid_resource",
          `AADSTS500011: The resource principal named ${resource} was not found in the tenant named ${tenantId}.`,
        );
      }
      const key = JSON.stringify([identity.clientId, resource, capabilities]);
      function fresh(): MachineToken | undefined {
        const token = kept.get(key);
        if (!token || now() - token.issuedOn * 1000 >= sameTokenForMs) return undefined;
        return revoked && same(revoked, token.sha256) ? undefined : token;
      }
      const old = fresh();
      if (old) return old;
      const token = await sign(order);
      // Another request may have been faster.
      const other = fresh();
      if (other) return other;
      kept.set(key, token);
      return token;
    },
  };
}

/** Returns the seconds since the epoch, in one of the ways that there are to write them. */
export function formatExpiresOn(seconds: number, format: MachineOptions["expiresOn"]): string | number {
  if (format === "number") return seconds;
  if (format === "text") return String(seconds);
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

function bare(resource: string): string {
  return resource.replace(/\/$/, "");
}
