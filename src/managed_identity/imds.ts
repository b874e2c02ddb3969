import { withDeadline } from "../core/deadline.ts";
import { type Answer, send } from "../core/http.ts";
import type { Chain } from "../core/in_chain.ts";
import { parseObject } from "../core/json.ts";
import { createMemory } from "../core/memory.ts";
import { digestOf } from "../core/partition.ts";
import { AuthenticationError, CredentialUnavailableError } from "../errors.ts";
import { keepPace } from "./pace.ts";
import { IMDS_RETRIES } from "./retries.ts";
import { get, identityParameter, type Machine, type Source } from "./source.ts";
import { hostIn } from "./variables.ts";

const HOST = "http://169.254.169.254";
const PATH = "/metadata/identity/oauth2/token";
const PROBE_TIMEOUT_IN_MS = 1000;
const ABSENCE_IN_MS = 60_000;

/** What a probe came to, or will come to. */
interface Probe {
  readonly isThere: Promise<boolean>;
  found?: boolean;
  readonly since: number;
  until: number;
}

const probes = createMemory<Probe>();

/**
 * The instance metadata service of a virtual machine, or of what looks like one: a scale set, Azure Container Instances, a node of AKS.
 *
 * https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#get-a-token-using-http
 */
export function imds({ identity, settings, probeTimeoutInMs }: Machine): Source {
  const { localFetch, now, sleep } = settings;
  const isNamed = Boolean(settings.env("AZURE_POD_IDENTITY_AUTHORITY_HOST"));
  if (!isNamed && !settings.hasMetadataService()) {
    throw new CredentialUnavailableError(
      "Cannot find a managed identity: No variable names a source, and this runtime is on no machine that has a metadata service",
    );
  }
  const host = isNamed ? hostIn("AZURE_POD_IDENTITY_AUTHORITY_HOST", settings) : HOST;
  const url = host.replace(/\/*$/, PATH);

  /** A request without the header that makes it one, so that nothing comes of it. */
  async function isThere(ms: number): Promise<boolean> {
    const late = () => new Error("Too slow");
    try {
      const ask = (signal: AbortSignal) => send(localFetch, url, { signal }, { now, sleep });
      return isImds(await withDeadline(ask, { sleep, ms, late }));
    } catch (error) {
      if (error instanceof CredentialUnavailableError) throw error;
      return false;
    }
  }

  async function probe(chain: Chain): Promise<boolean> {
    const ms = probeTimeoutInMs ?? probeTimeout(settings.env("AZURE_IMDS_PROBE_TIMEOUT_IN_MS"));
    const key = await digestOf([url, ...settings.surroundings]);
    const known = probes.get(key);
    const isGood = known && now() >= known.since && now() < known.until;
    if (isGood && known.found !== undefined) return known.found;
    chain.isLooking();
    if (isGood) return await known.isThere;
    const probe: Probe = { isThere: isThere(ms), since: now(), until: Infinity };
    // On workerd no request may wait for another's promise, but know what it came to.
    if (!settings.isolated) probes.set(key, probe);
    try {
      probe.found = await probe.isThere;
      if (!probe.found) probe.until = now() + ABSENCE_IN_MS;
      if (settings.isolated) probes.set(key, probe);
      return probe.found;
    } catch (error) {
      probe.until = 0;
      throw error;
    }
  }

  return {
    name: "the instance metadata service",
    proof: [url],
    secrets: [],
    retryRules: IMDS_RETRIES,
    // That there is no such identity is a refusal where one was asked for by its id.
    isAbsent: ({ status }) => status === 200 || status === 400 && !identity,
    ...!isNamed && { probe },
    async send({ resource, signal, limitInMs }) {
      const parameters = { "api-version": "2018-02-01", resource, ...identityParameter(identity, "msi_res_id") };
      await keepPace(settings, signal);
      return await get(url, { parameters, headers: { Metadata: "true" }, signal, limitInMs }, settings);
    },
  };
}

/** Whether the answer to a probe is the metadata service's: proxies, web pages and Docker Desktop answer in its place. */
function isImds({ status, text }: Answer): boolean {
  if (status === 410 || status === 429) return true;
  return parseObject(text)?.error !== undefined && !(status === 403 && text.includes("unreachable"));
}

function probeTimeout(variable: string | undefined): number {
  if (!variable) return PROBE_TIMEOUT_IN_MS;
  if (/^\d{1,6}$/.test(variable)) return Number(variable);
  throw new AuthenticationError(
    "Cannot use the variable AZURE_IMDS_PROBE_TIMEOUT_IN_MS: It must be a number of milliseconds, of six digits at the most",
  );
}
