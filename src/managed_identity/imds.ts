import { withTimeout } from "../core/timeout.ts";
import { type HttpResult, send } from "../core/http.ts";
import type { Chain } from "../core/in_chain.ts";
import { parseObject } from "../core/json.ts";
import { createLruCache } from "../core/lru_cache.ts";
import { digestOf } from "../core/cache_key.ts";
import type { RetryRule } from "../core/retry.ts";
import { trimEnd } from "../core/trim.ts";
import { AuthenticationError, CredentialUnavailableError } from "../errors.ts";
import { get, identityParameter, type LocalSettings, type MachineContext, type Source } from "./source.ts";
import { hostIn } from "./variables.ts";

const HOST = "http://169.254.169.254";
const PATH = "/metadata/identity/oauth2/token";
const PROBE_TIMEOUT_IN_MS = 1000;
/** How long the result of a probe is cached, in ms. */
const ABSENT_IN_MS = 60_000;
const INCONCLUSIVE_IN_MS = 10_000;
/** The service rejects the sixth request of a second. */
const MAX_REQUESTS = 5;
const WITHIN_IN_MS = 1000;

/**
 * The responses that a retry can improve: an identity that is not there yet (404), an upgrade (410), throttling, an
 * error of the service.
 *
 * https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#retry-guidance
 */
const RETRIES: readonly RetryRule[] = [
  { statuses: /^410$/, outage: { lastsInMs: 70_000, delayInMs: 3000 } },
  { statuses: /^(0|404|408|429|5(?!01|05)\d\d)$/ },
];

/** The result of a probe. */
type Finding = "found" | "absent" | "inconclusive";

/** A probe that is running or has ended. */
interface Probe {
  readonly result: Promise<Finding>;
  finding?: Finding;
  readonly since: number;
  until: number;
}

const probes = /* @__PURE__ */ createLruCache<Probe>();

// The URLs that have responded like the service, by the `fetch` that reached them. The process has one such `fetch`,
// unless an option replaces it.
const found = new WeakMap<typeof fetch, Set<string>>();

/** The times of the last requests, by the `fetch` that sent them. */
const sent = new WeakMap<typeof fetch, number[]>();

/**
 * The instance metadata service of a virtual machine, or of a service that has one as well: a scale set, Azure
 * Container Instances, a node of AKS.
 *
 * https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#get-a-token-using-http
 */
export function imds({ identity, missingFlag, settings, probeTimeoutInMs }: MachineContext): Source {
  const { localFetch, now, sleep } = settings;
  const isNamed = Boolean(settings.env("AZURE_POD_IDENTITY_AUTHORITY_HOST"));
  if (!isNamed && !settings.hasMetadataService()) {
    throw new CredentialUnavailableError(
      "Cannot find a managed identity: No variable names a source, and this runtime has no metadata service",
      { outcome: "absent" },
    );
  }
  const host = isNamed ? hostIn("AZURE_POD_IDENTITY_AUTHORITY_HOST", settings) : HOST;
  const url = trimEnd(host, "/") + PATH;
  /**
   * The URLs at which the service was found or is configured. It is never absent there, even if a later request fails.
   */
  const foundUrls = found.get(localFetch) ?? new Set();
  found.set(localFetch, foundUrls);
  if (isNamed) foundUrls.add(url);

  /** Sends a request without the header `Metadata`, which the service rejects. */
  async function sendProbe(ms: number): Promise<Finding> {
    const onTimeout = () => new Error("The probe has timed out");
    try {
      const request = (signal: AbortSignal) => send(localFetch, url, { signal }, { now, sleep });
      return findingOf(await withTimeout(request, { sleep, ms, onTimeout }));
    } catch (error) {
      if (error instanceof AuthenticationError) throw notPermitted(error);
      return "absent";
    }
  }

  /** Returns the result of a recent probe, or of a new one, and how long it remains valid, in ms. */
  async function cachedProbe(chain: Chain): Promise<{ readonly finding: Finding; readonly holdsInMs: number }> {
    const ms = probeTimeoutInMs ?? probeTimeout(settings.env("AZURE_IMDS_PROBE_TIMEOUT_IN_MS"));
    const key = await digestOf([url, String(ms), ...settings.injected]);
    const known = probes.get(key);
    // A service that was found remains found, even after a change of the clock.
    const isValid = known && (known.finding === "found" || now() >= known.since && now() < known.until);
    const remainingTime = () => Math.min(INCONCLUSIVE_IN_MS, (known?.until ?? Infinity) - now());
    if (isValid && known.finding !== undefined) return { finding: known.finding, holdsInMs: remainingTime() };
    chain.onProbeStarted?.();
    if (isValid) return { finding: await known.result, holdsInMs: remainingTime() };
    const probe: Probe = { result: sendProbe(ms), since: now(), until: Infinity };
    // On workerd a request must not await a promise of another request, but may use its result.
    if (settings.backgroundWork !== "perRequest") probes.set(key, probe);
    try {
      probe.finding = await probe.result;
      if (probe.finding !== "found") {
        probe.until = now() + (probe.finding === "absent" ? ABSENT_IN_MS : INCONCLUSIVE_IN_MS);
      }
      if (settings.backgroundWork === "perRequest") probes.set(key, probe);
      return { finding: probe.finding, holdsInMs: INCONCLUSIVE_IN_MS };
    } catch (error) {
      probe.until = 0;
      throw error;
    }
  }

  async function probe(chain: Chain): Promise<void> {
    const { finding, holdsInMs } = await cachedProbe(chain);
    if (finding === "found") {
      foundUrls.add(url);
      return;
    }
    const reason = finding === "absent"
      ? "there is no metadata service at 169.254.169.254"
      : "the service at 169.254.169.254 responds, but not as the metadata service does";
    throw new CredentialUnavailableError(`Cannot find a managed identity: No variable names a source, and ${reason}`, {
      outcome: finding,
      nextStep: missingFlag && `To detect the agent of Azure Arc, run ${missingFlag}`,
      ...finding === "inconclusive" && { recheckAfterInMs: holdsInMs },
    });
  }

  return {
    name: "the instance metadata service",
    endpoint: url,
    cacheIdentity: [],
    secrets: [],
    retryRules: RETRIES,
    mayLackIdentity: true,
    isAbsent: ({ status, text }) =>
      !foundUrls.has(url) && (status === 0 || status === 200 || status === 403 && text.includes("unreachable")),
    ...!isNamed && { probe },
    async send({ resource, signal, limitInMs }) {
      const parameters = { "api-version": "2018-02-01", resource, ...identityParameter(identity, "msi_res_id") };
      await limitRate(settings, signal);
      const request = get(url, { parameters, headers: { Metadata: "true" }, signal, limitInMs }, settings);
      const response = await (isNamed ? request : request.catch((error) => Promise.reject(notPermitted(error))));
      if (response.status !== 0 && findingOf(response) === "found") foundUrls.add(url);
      return response;
    },
  };
}

/** Waits until the request is one of the five that the service accepts in a second. */
async function limitRate({ localFetch, now, sleep }: LocalSettings, signal: AbortSignal): Promise<void> {
  const times = sent.get(localFetch) ?? [];
  sent.set(localFetch, times);
  for (;;) {
    const wait = times.length < MAX_REQUESTS ? 0 : times[0]! + WITHIN_IN_MS - now();
    // A longer time than the window means that the clock was set back.
    if (wait <= 0 || wait > WITHIN_IN_MS) break;
    await sleep(wait, signal);
  }
  times.push(now());
  if (times.length > MAX_REQUESTS) times.shift();
}

/** Returns the error for a request that the permissions deny: nothing configures the service, so that it is absent. */
function notPermitted(error: unknown): unknown {
  return error instanceof AuthenticationError
    ? new CredentialUnavailableError(error.message, { outcome: "absent" })
    : error;
}

/**
 * Returns the result for the response to a probe. The service of a virtual machine returns a JSON error, and the one of
 * Azure Container Instances returns text. Proxies, Docker Desktop and the metadata services of other clouds also
 * respond at the address.
 */
function findingOf({ status, text }: HttpResult): Finding {
  if (status === 403 && text.includes("unreachable")) return "absent";
  const { error, access_token: token } = parseObject(text) ?? {};
  if (error !== undefined || token !== undefined || status === 410 || status === 429) return "found";
  if (status === 400 && (text === "" || text.includes("Required metadata header not specified"))) return "found";
  return status >= 500 ? "inconclusive" : "absent";
}

function probeTimeout(variable: string | undefined): number {
  if (!variable) return PROBE_TIMEOUT_IN_MS;
  if (/^\d{1,6}$/.test(variable)) return Number(variable);
  throw new AuthenticationError(
    "Cannot use the variable AZURE_IMDS_PROBE_TIMEOUT_IN_MS: It must be a number of milliseconds with at most six digits",
  );
}
