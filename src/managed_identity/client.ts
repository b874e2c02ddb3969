import { errorFromResponse } from "../core/error_response.ts";
import { errorTextOf } from "../core/error_text.ts";
import { type Acquire, createGetToken, type GetToken, type TokenRequest } from "../core/get_token.ts";
import { bound } from "../core/bound.ts";
import type { HttpResult } from "../core/http.ts";
import { isObject, parseObject } from "../core/json.ts";
import { redact } from "../core/redact.ts";
import { retry } from "../core/retry.ts";
import { AuthenticationError, CredentialUnavailableError } from "../errors.ts";
import type { Settings } from "../core/settings.ts";
import { type TokenBody, tokenBodyOf } from "../core/token_set.ts";
import { fetchDirectly } from "../runtime/direct_fetch.ts";
import type { TokenSet } from "../token_cache.ts";
import type { UserAssignedIdentity } from "./identity.ts";
import type { MachineContext, Source } from "./source.ts";
import { findSource, SOURCE_VARIABLES } from "./sources.ts";
import { readTokenResponse } from "./token_response.ts";

/** Acquires tokens from the source of a machine. */
interface ManagedIdentityClient {
  /** Returns the values that partition the cache. */
  cacheIdentity(): Promise<readonly string[]>;
  readonly acquire: Acquire;
}

/** A {@linkcode MachineContext} before the `fetch` for local addresses is added to its settings. */
type GivenContext = Omit<MachineContext, "settings"> & { readonly settings: Settings };

/** Returns the `getToken` of a managed identity. */
export function createManagedIdentity(credential: string, context: GivenContext): GetToken {
  const { cacheIdentity, acquire } = createClient(credential, context);
  const spec = { name: credential, tenantId: undefined, variables: SOURCE_VARIABLES, cacheIdentity, acquire };
  return createGetToken(spec, context.settings);
}

/** Returns the client of the source. The source is detected at the first request. */
function createClient(credential: string, given: GivenContext): ManagedIdentityClient {
  const context: MachineContext = { ...given, settings: withLocalFetch(given.settings) };
  const { identity, settings } = context;
  let detected: Source | undefined;

  async function find(): Promise<Source> {
    return detected ??= await findSource(context);
  }

  async function cacheIdentity(): Promise<readonly string[]> {
    const { name, endpoint, cacheIdentity: own } = await find();
    return [name, endpoint, ...own, identity?.kind ?? "", identity?.id ?? ""];
  }

  async function acquire(request: TokenRequest): Promise<TokenSet> {
    const { chain, enableCae, rejected, scopes, signal } = request;
    const source = await find();
    request.setLogDetails({ source: source.name, identity: nameOf(source.identity ?? identity) });
    if (chain?.onProbeStarted) await source.probe?.(chain);
    // Checked after the source has been found: without a source, a chain continues.
    if (scopes.length > 1) {
      throw new AuthenticationError(
        `Cannot get a token for "${scopes.join(" ")}": A managed identity returns tokens for one scope at a time`,
      );
    }
    const resource = scopes[0]!.replace(/\/\.default$/, "");
    const action = `Cannot get a token for "${resource}" from ${source.name}`;
    let sentOn = 0;
    function attempt(limitInMs: number | undefined): Promise<HttpResult> {
      sentOn = settings.now();
      return source.send({ resource, enableCae, rejected, signal, limitInMs });
    }
    const redactSecrets = (text: string) => redact(text, source.secrets);
    const options = { credential, rules: source.retryRules, signal, redact: redactSecrets };
    const response = await retry(attempt, options, settings);
    const body = tokenBodyOf(response);
    if (!body) throw failure(response, action, source, identity, redactSecrets);
    // Parsed first, because the identity in a malformed response is not meaningful.
    const token = readTokenResponse(body, action, sentOn);
    if (source.confirmsIdentity && identity && !isConfirmed(body, identity)) {
      const message = `${action}: The response does not confirm the user-assigned identity "${identity.id}"`;
      throw identity.variable ? unassigned(message, identity.variable) : new AuthenticationError(
        `${message}: Update the agent, which returns tokens of another identity`,
        { statusCode: 200 },
      );
    }
    return token;
  }

  return { cacheIdentity, acquire };
}

/** Adds the `fetch` for loopback and link-local addresses to the settings. */
export function withLocalFetch(settings: Settings): MachineContext["settings"] {
  const { backgroundWork, localFetch = backgroundWork === "free" ? fetchDirectly : fetch } = settings;
  return { ...settings, localFetch };
}

/**
 * Whether the response is for the requested identity. An old agent returns tokens of the system-assigned identity
 * instead.
 */
function isConfirmed(body: TokenBody, { kind, id }: UserAssignedIdentity): boolean {
  const { client_id: clientId, object_id: objectId, msi_res_id, mi_res_id } = body;
  const confirmed = { clientId, objectId, resourceId: msi_res_id ?? mi_res_id }[kind];
  return typeof confirmed === "string" && confirmed.toLowerCase() === id.toLowerCase();
}

function failure(
  response: HttpResult,
  action: string,
  source: Source,
  identity: UserAssignedIdentity | undefined,
  redact: (text: string) => string,
): Error {
  const { text } = response;
  const isUnassigned = /identity ?(was |not ?)*found|unable to load the proper managed identity/i.test(bound(text));
  const requested = source.identity ?? identity;
  const nextStep = typeof requested === "object"
    ? `The request is for the ${nameWithOrigin(requested)}: Assign the identity to the machine, or correct the id`
    : "Give the machine an identity";
  // Only with these statuses: the body of another error may contain the message as well.
  const hasNone = [400, 404].includes(response.status) && /identity (was )?not found/i.test(bound(text));
  const mayBeOther = hasNone && source.mayLackIdentity && (!identity || identity.variable !== undefined);
  const detail = errorTextOf(response, redact);
  const error = errorFromResponse({ ...response, text: toOAuthError(text) }, action, {
    advice: () => isUnassigned && !mayBeOther ? nextStep : "",
    meanings: detail === undefined ? {} : { [response.status]: detail },
    redact,
  });
  if (mayBeOther) {
    return identity
      ? unassigned(error.message, identity.variable!)
      : new CredentialUnavailableError(error.message, { outcome: "inconclusive", nextStep });
  }
  return source.isAbsent?.(response) ? new CredentialUnavailableError(error.message, { outcome: "absent" }) : error;
}

/**
 * Returns the error for an identity that is not assigned to the machine. It is inconclusive, because the id in the
 * variable may be meant for a service principal.
 */
function unassigned(message: string, variable: string): CredentialUnavailableError {
  return new CredentialUnavailableError(`${message}. The variable ${variable} was tried as a client id`, {
    outcome: "inconclusive",
    nextStep:
      "Assign that identity to the machine, or exclude ManagedIdentityCredential if the id is a service principal's",
  });
}

/** Returns the words for an identity, and where its id comes from. */
export function nameWithOrigin(identity: Source["identity"]): string {
  const name = nameOf(identity);
  if (typeof identity !== "object") return name;
  return `${name} of ${identity.variable ? `the variable ${identity.variable}` : "the options"}`;
}

/** Returns the words for an identity, for the log. */
function nameOf(identity: Source["identity"]): string {
  if (typeof identity !== "object") return identity ?? "system-assigned identity";
  const kind = { clientId: "client id", objectId: "object id", resourceId: "resource id" }[identity.kind];
  return `identity with the ${kind} "${identity.id}"`;
}

/** Converts an error response of a source, which may have another format, to that of RFC 6749. */
function toOAuthError(text: string): string {
  const body = parseObject(text);
  if (!body) return text;
  const inner = isObject(body.error) ? body.error : body;
  const { code = inner.error, message = inner.error_description, correlationId = body.correlationId } = inner;
  const isCode = typeof code === "string" && code !== "";
  return JSON.stringify({
    correlation_id: correlationId,
    ...body,
    error: isCode ? code : message,
    error_description: isCode ? message : undefined,
  });
}
