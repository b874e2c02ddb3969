import { errorFromAnswer, tidy } from "../core/answer_error.ts";
import { type Acquire, createGetToken, type GetToken, type TokenRequest } from "../core/create_get_token.ts";
import { bound } from "../core/bound.ts";
import type { Answer } from "../core/http.ts";
import { isObject, parseObject } from "../core/json.ts";
import { redact } from "../core/redact.ts";
import { retry } from "../core/retry.ts";
import { AuthenticationError, CredentialUnavailableError } from "../errors.ts";
import type { Settings } from "../core/settings.ts";
import { fetchDirectly } from "../runtime/direct_fetch.ts";
import { flagFor } from "../runtime/permission.ts";
import { hasNetPermission } from "../runtime/query_permission.ts";
import type { CredentialOptions } from "../options.ts";
import type { Explanation } from "../credential_explanation.ts";
import type { TokenSet } from "../token_cache.ts";
import type { UserAssignedIdentity } from "./identity.ts";
import type { Machine, Source } from "./source.ts";
import { findSource, SOURCE_VARIABLES } from "./sources.ts";
import { readTokenAnswer } from "./token_answer.ts";

/** What a credential needs to know and do about the machine. */
interface ManagedIdentityClient {
  /** What proves whose tokens these are. */
  proof(): Promise<readonly string[]>;
  readonly acquire: Acquire;
}

/** Where a program finds itself, as far as its credential knows. */
type Place = Omit<Machine, "settings"> & { readonly settings: Settings };

/** Returns the `getToken` of a machine's identity. */
export function createManagedIdentity(credential: string, place: Place): GetToken {
  const { proof, acquire } = createClient(credential, place);
  const spec = { name: credential, tenantId: undefined, variables: SOURCE_VARIABLES, proof, acquire };
  return createGetToken(spec, place.settings);
}

/** Returns what requests tokens at the source of the machine, which is looked for at the first of them. */
function createClient(credential: string, { settings: given, ...place }: Place): ManagedIdentityClient {
  const machine: Machine = { ...place, settings: withLocalFetch(given) };
  const { identity, settings } = machine;
  let found: Source | undefined;

  async function find(): Promise<Source> {
    return found ??= await findSource(machine);
  }

  async function proof(): Promise<readonly string[]> {
    const { name, endpoint, proof } = await find();
    return [name, endpoint, ...proof, identity?.kind ?? "", identity?.id ?? ""];
  }

  async function acquire(request: TokenRequest): Promise<TokenSet> {
    const { chain, enableCae, rejected, scopes, signal } = request;
    const source = await find();
    if (chain) await source.probe?.(chain);
    // Only now: where there is no source, a chain continues.
    if (scopes.length > 1) {
      throw new AuthenticationError(
        `Cannot get a token for "${scopes.join(" ")}": A managed identity gives tokens for one scope at a time`,
      );
    }
    const resource = scopes[0]!.replace(/\/\.default$/, "");
    const action = `Cannot get a token for "${resource}" from ${source.name}`;
    let sentOn = 0;
    async function attempt(limitInMs: number | undefined): Promise<Answer> {
      sentOn = settings.now();
      const answer = await source.send({ resource, enableCae, rejected, signal, limitInMs });
      // Why a request failed goes into the log.
      return answer.status === 0 ? { ...answer, text: tidy(redact(answer.text, source.secrets)) } : answer;
    }
    const answer = await retry(attempt, { credential, rules: source.retryRules, signal }, settings);
    const body = answer.status === 200 ? parseObject(answer.text) : undefined;
    if (!body || body.access_token === undefined && body.error !== undefined) {
      throw failure(answer, action, source, identity);
    }
    // First: a token that cannot be used says nothing about the identity.
    const token = readTokenAnswer(body, action, sentOn);
    if (source.echoes && identity && !isConfirmed(body, identity)) {
      const message = `${action}: The response does not confirm the user-assigned identity "${identity.id}"`;
      throw identity.variable ? unassigned(message, identity.variable) : new AuthenticationError(
        `${message}: Update the agent, which gives tokens of another one`,
        { statusCode: 200 },
      );
    }
    return token;
  }

  return { proof, acquire };
}

/** Returns what is known of a machine's identity without a request. Throws what a request would, where the machine cannot have it. */
export async function explainSource(
  options: CredentialOptions & { readonly probeTimeoutInMs?: number | undefined },
  identity: UserAssignedIdentity | undefined,
  settings: Settings,
): Promise<Explanation> {
  const { probeTimeoutInMs, runtime = {} } = options;
  const machine = { identity, probeTimeoutInMs, runtime, settings: withLocalFetch(settings) };
  const { name, endpoint, probe } = await findSource(machine);
  const isOwnFetch = !options.localFetch && !runtime.tlsFetch;
  if (isOwnFetch && !hasNetPermission(endpoint)) {
    const { host } = new URL(endpoint);
    // Only a probe would find the instance metadata service.
    return { state: probe ? "absent" : "fails", detail: `"${host}" may not be reached: Run ${flagFor({ net: host })}` };
  }
  return probe
    ? { state: "inconclusive", detail: `No variable names a source: ${name} is probed for at 169.254.169.254` }
    : { state: "configured", detail: `The source is ${name}` };
}

function withLocalFetch(settings: Settings): Machine["settings"] {
  const { livesOn, localFetch = livesOn ? fetchDirectly : fetch } = settings;
  return { ...settings, localFetch };
}

/** Whether the answer is for the identity that was asked for: an old agent gives the machine's own instead. */
function isConfirmed(body: Record<string, unknown>, { kind, id }: UserAssignedIdentity): boolean {
  const { client_id: clientId, object_id: objectId, msi_res_id, mi_res_id } = body;
  const echo = { clientId, objectId, resourceId: msi_res_id ?? mi_res_id }[kind];
  return typeof echo === "string" && echo.toLowerCase() === id.toLowerCase();
}

function failure(answer: Answer, action: string, source: Source, identity: UserAssignedIdentity | undefined): Error {
  const { text } = answer;
  const isUnassigned = /identity (was |not )*found/i.test(bound(text));
  const nextStep = identity ? "Assign the identity to the machine" : "Give the machine an identity";
  // Throttling, or an outage, whose text happens to quote it, says nothing about the machine.
  const hasNone = [400, 404].includes(answer.status) && /identity (was )?not found/i.test(bound(text));
  const mayBeOther = hasNone && source.mayLackIdentity && (!identity || identity.variable !== undefined);
  const error = errorFromAnswer({ ...answer, text: asOAuth(text) }, action, {
    advice: () => isUnassigned && !mayBeOther ? nextStep : "",
    redact: (text) => redact(text, source.secrets),
  });
  if (mayBeOther) {
    return identity
      ? unassigned(error.message, identity.variable!)
      : new CredentialUnavailableError(error.message, { outcome: "inconclusive", nextStep });
  }
  return source.isAbsent?.(answer) ? new CredentialUnavailableError(error.message, { outcome: "absent" }) : error;
}

/** Returns the error for an id that the machine does not have, and that may be meant for a service principal. */
function unassigned(message: string, variable: string): CredentialUnavailableError {
  return new CredentialUnavailableError(`${message}. The variable ${variable} was tried as a client id`, {
    outcome: "inconclusive",
    nextStep:
      "Assign that identity to the machine, or exclude ManagedIdentityCredential if the id is a service principal's",
  });
}

/** Returns an error answer as RFC 6749 has it, which the sources write in their own ways. */
function asOAuth(text: string): string {
  const body = parseObject(text);
  if (!body) return text;
  const { error = body.message } = body;
  const { code, message = body.error_description, correlationId = body.correlationId } = isObject(error) ? error : {};
  return JSON.stringify({ correlation_id: correlationId, ...body, error: code ?? error, error_description: message });
}
