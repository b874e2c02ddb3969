import type { CredentialOptions } from "../options.ts";
import type { FaultAnswer, FaultName } from "./faults.ts";
import type { SimulatedService } from "./simulated_service.ts";

/** A managed identity, and the three ids that it can be asked for by. */
export interface SimulatedIdentity {
  /** The id of its application. */
  readonly clientId: string;
  /** The id of its service principal. Default: one made of the client id; only an id that was given can be asked for. */
  readonly objectId?: string;
  /** Its Azure resource id. Default: one made of the client id; only an id that was given can be asked for. */
  readonly resourceId?: string;
}

/** What every simulated machine accepts. */
export interface MachineOptions {
  /** Whether the machine has an identity of its own. Default: `true`. */
  readonly systemAssigned?: boolean;
  /** The identities that were assigned to the machine. Default: none. */
  readonly userAssigned?: readonly SimulatedIdentity[];
  /** The tenant of the identities. Default: some tenant. */
  readonly tenantId?: string;
  /** The resources that tokens can be had for, such as `"https://storage.azure.com"`. Default: any. */
  readonly resources?: readonly string[];
  /** How long tokens live, in milliseconds. Default: a day. */
  readonly tokenLifetimeInMs?: number;
  /** How long the machine hands out the same token, in milliseconds. Default: half of its life. */
  readonly sameTokenForMs?: number;
  /** After what time of a token's life clients are told to refresh, in milliseconds. Default: they are not told. */
  readonly refreshInMs?: number;
  /**
   * How `expires_on` is written: seconds since the epoch as `"text"` or as a `"number"`, the date of an old App Service such as
   * `"01/31/2030 01:05:09 PM +00:00"`, or ISO 8601. Default: as the machine does.
   */
  readonly expiresOn?: "text" | "number" | "date" | "iso";
  /** Members of the answer that are other than usual, such as `{ resource: "another", expires_in: undefined }`. Default: none. */
  readonly answer?: Readonly<Record<string, unknown>>;
  /**
   * More variables, or others than the machine's; `undefined` takes one away. The machine listens where its variables say. Default:
   * none.
   */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** What tells the time and waits, such as `createFakeClock()`. Default: real time. */
  readonly clock?: MachineClock;
}

/** What tells a machine the time, as {@linkcode FakeClock} does. */
export interface MachineClock {
  /** The time, in milliseconds since the epoch. */
  now(): number;
  /** Resolves after a time in milliseconds; rejects with the signal's reason as soon as the signal fires. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Something that goes wrong with a machine; an answer without a body gets the machine's own: see {@linkcode FaultName}. */
export type MachineFault = FaultName | FaultAnswer;

/** A simulated machine: an endpoint that gives tokens to whoever is on the machine, and what it sets for them. */
export interface Machine extends SimulatedService<MachineFault> {
  /**
   * Options of credentials that find themselves on the machine. Their `fetch` reaches nothing: nothing of this may leave the machine.
   */
  readonly options: MachineCredentialOptions;
  /** The variables of the machine; what is changed here is seen by credentials. */
  readonly env: Record<string, string>;
  /** The files of the machine, by their paths. */
  readonly files: Map<string, string>;
  /** Checks the signature and the end of a token, and returns its claims. */
  verify(token: string): Promise<Record<string, unknown>>;
}

/** The options of a credential that put it on a machine. */
export interface MachineCredentialOptions {
  /** The variables of the machine. */
  readonly env: Readonly<Record<string, string>>;
  /** Reaches nothing. */
  readonly fetch: typeof fetch;
  /** Reaches the machine, unless that shows a certificate. */
  readonly localFetch: typeof fetch;
  /** The machine's files, its operating system, its clock if it has one, and the way to reach it through TLS. */
  readonly runtime: MachineRuntime;
}

/** What a machine has in the place of the runtime's own capabilities. */
export type MachineRuntime =
  & {
    readonly [Member in "readTextFile" | "fileExists" | "platform" | "tlsFetch"]: NonNullable<
      NonNullable<CredentialOptions["runtime"]>[Member]
    >;
  }
  & Partial<MachineClock>;
