import type { CredentialOptions } from "../../options.ts";
import type { MachineFault } from "../faults.ts";
import type { SimulatedService } from "../simulated_service.ts";

/** A managed identity, and the three ids by which it can be requested. */
export interface SimulatedIdentity {
  /** The client id. */
  readonly clientId: string;
  /**
   * The object id of the service principal. By default it is derived from the client id, and no request can select the
   * identity by it.
   */
  readonly objectId?: string;
  /**
   * The Azure resource id. By default it is derived from the client id, and no request can select the identity by it.
   */
  readonly resourceId?: string;
}

/** Options of every simulated machine. */
export interface MachineOptions {
  /**
   * Whether the machine has a system-assigned identity.
   *
   * @default {true}
   */
  readonly systemAssigned?: boolean;
  /** The user-assigned identities. None by default. */
  readonly userAssigned?: readonly SimulatedIdentity[];
  /** The tenant of the identities. Arbitrary by default. */
  readonly tenantId?: string;
  /** The resources for which tokens are issued, such as `"https://storage.azure.com"`. Any resource by default. */
  readonly resources?: readonly string[];
  /**
   * Lifetime of tokens, in milliseconds.
   *
   * @default {86_400_000}
   */
  readonly tokenLifetimeInMs?: number;
  /** How long the machine returns the same token from its cache, in milliseconds. By default half of its lifetime. */
  readonly sameTokenForMs?: number;
  /** Time from issuance until clients should refresh a token (`refresh_in`), in milliseconds. Absent by default. */
  readonly refreshInMs?: number;
  /**
   * The format of `expires_on`: seconds since the epoch as a `"string"` or as a `"number"`, the date format of an early
   * App Service such as `"01/31/2030 01:05:09 PM +00:00"`, or ISO 8601. By default the format of the real service.
   */
  readonly expiresOn?: "string" | "number" | "date" | "iso";
  /**
   * Members that replace those of the token response, such as `{ resource: "other", expires_in: undefined }`. None by
   * default.
   */
  readonly response?: object;
  /**
   * Environment variables that replace those of the machine or are added to them; `undefined` removes one. The endpoint
   * of the machine is at the URL in the resulting variables. None by default.
   */
  readonly env?: object;
  /** The clock of the machine, such as `createFakeClock()`. The real time by default. */
  readonly clock?: MachineClock;
}

/** The clock of a machine; {@linkcode FakeClock} is one. */
export interface MachineClock {
  /** Returns the time, in milliseconds since the epoch. */
  now(): number;
  /**
   * Waits for the given time.
   *
   * @param ms Time in milliseconds.
   * @param signal Rejects the promise with its reason as soon as it fires.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** A simulated machine: its token endpoint, and the environment that it gives to programs. */
export interface Machine extends SimulatedService<MachineFault> {
  /** Options that let a credential run on the machine. Their `fetch` always fails: no request may leave the machine. */
  readonly options: MachineCredentialOptions;
  /** The environment variables of the machine. Credentials see changes. */
  readonly env: Record<string, string>;
  /** The files of the machine, by path. Credentials see changes. */
  readonly files: Map<string, string>;
  /**
   * Verifies the signature and the expiry of a token.
   *
   * @param token The access token, a JWT.
   * @returns Its claims.
   */
  verify(token: string): Promise<Record<string, unknown>>;
}

/** Options that let a credential run on a simulated machine. */
export interface MachineCredentialOptions {
  /** The environment variables of the machine. */
  readonly env: Readonly<Record<string, string>>;
  /** Always fails. */
  readonly fetch: typeof fetch;
  /** Sends requests to the machine, unless its endpoint uses TLS. */
  readonly localFetch: typeof fetch;
  /** The files, the operating system and the clock of the machine, and the connection to its endpoint by TLS. */
  readonly runtime: MachineRuntime;
}

/** The runtime capabilities that a simulated machine replaces. */
export type MachineRuntime =
  & {
    readonly [Member in "readTextFile" | "fileExists" | "platform" | "tlsFetch"]: NonNullable<
      NonNullable<CredentialOptions["runtime"]>[Member]
    >;
  }
  & Partial<MachineClock>;
