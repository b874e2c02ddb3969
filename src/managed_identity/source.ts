import { type Answer, send } from "../core/http.ts";
import type { Chain } from "../core/in_chain.ts";
import type { RetryRule } from "../core/retry.ts";
import type { Settings } from "../core/settings.ts";
import type { RuntimeOverrides } from "../runtime/runtime.ts";
import type { UserAssignedIdentity } from "./identity.ts";

/** The responses of all sources but the instance metadata service that a retry can improve. */
export const OTHER_RETRIES: readonly RetryRule[] = [{ statuses: /^(0|404|408|429|500|503|504)$/ }];

/** Settings with what sends requests to loopback and link-local addresses past all proxies. */
export type LocalSettings = Settings & { readonly localFetch: typeof fetch };

/** What a source is made from. */
export interface Machine {
  readonly settings: LocalSettings;
  /** `undefined` is the machine's own. */
  readonly identity: UserAssignedIdentity | undefined;
  /** The members that were handed in, which win over those of the runtime. */
  readonly runtime: RuntimeOverrides;
  /** The runtime and the flag without which the agent of Azure Arc cannot be looked for, if one is missing. */
  readonly missingFlag?: string | undefined;
  /** How long the probe waits, in milliseconds. */
  readonly probeTimeoutInMs: number | undefined;
}

/** What one token is requested with. */
export interface ResourceRequest {
  /** The resource's URI, without `/.default`. */
  readonly resource: string;
  readonly enableCae: boolean;
  /** The token that the resource refused. */
  readonly rejected: string | undefined;
  readonly signal: AbortSignal;
  /** Time limit of one request, in milliseconds; `undefined` for the time that is left. */
  readonly limitInMs: number | undefined;
}

/** A service near the program that knows the identities of the machine. */
export interface Source {
  /** As a message says it: "App Service". */
  readonly name: string;
  /** The URL that tokens are requested from. */
  readonly endpoint: string;
  /** What partitions the cache besides the endpoint: what is shown there. */
  readonly proof: readonly string[];
  /** What of it no message may repeat. */
  readonly secrets: readonly string[];
  readonly retryRules: readonly RetryRule[];
  /** Whether the answer must name the user-assigned identity. */
  readonly echoes?: boolean;
  /** Whether "Identity not found" may mean that the machine has no identity at all. */
  readonly mayLackIdentity?: boolean;
  /** Whether an answer that is no token shows that there is no such source. */
  isAbsent?(answer: Answer): boolean;
  /**
   * Resolves if the source responds, where that has to be found out. Rejects with a `CredentialUnavailableError` if it is absent, or if that is
   * inconclusive.
   */
  probe?(chain: Chain): Promise<void>;
  send(request: ResourceRequest): Promise<Answer>;
}

/** Sends a GET request to a source. */
export function get(
  url: string,
  { parameters, headers, signal, limitInMs }: {
    readonly parameters: Readonly<Record<string, string>>;
    readonly headers: Readonly<Record<string, string>>;
    readonly signal: AbortSignal;
    readonly limitInMs: number | undefined;
  },
  { localFetch, now, sleep }: Pick<LocalSettings, "localFetch" | "now" | "sleep">,
): Promise<Answer> {
  const target = new URL(url);
  for (const [name, value] of Object.entries(parameters)) target.searchParams.set(name, value);
  return send(localFetch, target.href, { headers, signal }, { now, sleep, limitInMs });
}

/** Returns the parameter that names a user-assigned identity. */
export function identityParameter(
  identity: UserAssignedIdentity | undefined,
  resourceId: "msi_res_id" | "mi_res_id",
): Record<string, string> {
  if (!identity) return {};
  return { [{ clientId: "client_id", objectId: "object_id", resourceId }[identity.kind]]: identity.id };
}
