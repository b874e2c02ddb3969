import { type HttpResult, send } from "../core/http.ts";
import type { Chain } from "../core/in_chain.ts";
import type { RetryRule } from "../core/retry.ts";
import type { Settings } from "../core/settings.ts";
import type { RuntimeOverrides } from "../runtime/runtime.ts";
import type { UserAssignedIdentity } from "./identity.ts";

/** The responses of all sources but the instance metadata service that a retry can improve. */
export const OTHER_RETRIES: readonly RetryRule[] = [{ statuses: /^(0|404|408|429|500|503|504)$/ }];

/** Settings with the `fetch` for loopback and link-local addresses, which uses no proxy. */
export type LocalSettings = Settings & { readonly localFetch: typeof fetch };

/** The context that a source is created in. */
export interface MachineContext {
  readonly settings: LocalSettings;
  /** `undefined` is the system-assigned identity. */
  readonly identity: UserAssignedIdentity | undefined;
  /** The members that replace those of the runtime. */
  readonly runtime: RuntimeOverrides;
  /** The runtime, and the flag that it needs to detect the agent of Azure Arc, if that flag is missing. */
  readonly missingFlag?: string | undefined;
  /** The time limit of the probe, in milliseconds. */
  readonly probeTimeoutInMs: number | undefined;
}

/** The parameters of a token request. */
export interface ResourceRequest {
  /** The resource's URI, without `/.default`. */
  readonly resource: string;
  readonly enableCae: boolean;
  /** The token that the resource has rejected. */
  readonly rejected: string | undefined;
  readonly signal: AbortSignal;
  /** Time limit of one request, in milliseconds; `undefined` for the time that is left. */
  readonly limitInMs: number | undefined;
}

/** A local service that returns tokens of managed identities. */
export interface Source {
  /** The name in messages: "App Service". */
  readonly name: string;
  /** The identity, or its name in words, if the source determines it. */
  readonly identity?: UserAssignedIdentity | string;
  /** The URL that tokens are requested from. */
  readonly endpoint: string;
  /** Values that partition the cache, in addition to the endpoint. */
  readonly cacheIdentity: readonly string[];
  /** Values that no message may contain. */
  readonly secrets: readonly string[];
  readonly retryRules: readonly RetryRule[];
  /** Whether the response must confirm the user-assigned identity. */
  readonly confirmsIdentity?: boolean;
  /** Whether "Identity not found" may mean that no identity is assigned to the machine. */
  readonly mayLackIdentity?: boolean;
  /** Whether a response without token shows that the source is absent. */
  isAbsent?(response: HttpResult): boolean;
  /**
   * Resolves if the source responds. Rejects with a `CredentialUnavailableError` if it is absent, or if that is
   * inconclusive. Only a source that no variable configures needs a probe.
   */
  probe?(chain: Chain): Promise<void>;
  send(request: ResourceRequest): Promise<HttpResult>;
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
): Promise<HttpResult> {
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
