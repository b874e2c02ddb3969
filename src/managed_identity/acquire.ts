import { errorFromAnswer } from "../core/answer_error.ts";
import type { Acquire } from "../core/create_get_token.ts";
import type { Answer } from "../core/http.ts";
import { isObject, parseObject } from "../core/json.ts";
import { redact } from "../core/redact.ts";
import { retry } from "../core/retry.ts";
import { AuthenticationError, CredentialUnavailableError } from "../errors.ts";
import type { Machine, Source, UserAssignedIdentity } from "./source.ts";
import { readTokenAnswer } from "./token_answer.ts";

/** Returns what requests tokens at the source that is found for the machine. */
export function createAcquire(
  credential: string,
  { settings, identity }: Machine,
  find: () => Promise<Source>,
): Acquire {
  return async (request) => {
    const { enableCae, inChain, rejected, scopes, signal } = request;
    if (scopes.length > 1) {
      throw new CredentialUnavailableError(
        `Cannot get a token for "${scopes.join(" ")}": A managed identity gives tokens for one scope at a time`,
      );
    }
    const resource = scopes[0]!.replace(/\/\.default$/, "");
    const source = await find();
    if (inChain && await source.probe?.() === false) {
      throw new CredentialUnavailableError(
        "Cannot find a managed identity: No variable names a source, and there is no metadata service at 169.254.169.254",
      );
    }
    const action = `Cannot get a token for "${resource}" from ${source.name}`;
    let sentOn = 0;
    function attempt(): Promise<Answer> {
      sentOn = settings.now();
      return source.send({ resource, enableCae, rejected, signal });
    }
    const answer = await retry(attempt, { credential, rules: source.retryRules, signal }, settings);
    const body = answer.status === 200 ? parseObject(answer.text) : undefined;
    if (!body || body.access_token === undefined && body.error !== undefined) throw failure(answer, action, source);
    if (source.echoes && identity && !isConfirmed(body, identity)) {
      throw new AuthenticationError(
        `${action}: The answer does not confirm the user-assigned identity "${identity.id}": Update the agent, which gives tokens of another one`,
        { statusCode: 200 },
      );
    }
    return readTokenAnswer(body, action, sentOn);
  };
}

/** Whether the answer is for the identity that was asked for: an old agent gives the machine's own instead. */
function isConfirmed(body: Record<string, unknown>, { kind, id }: UserAssignedIdentity): boolean {
  const { client_id: clientId, object_id: objectId, msi_res_id, mi_res_id } = body;
  const echo = { clientId, objectId, resourceId: msi_res_id ?? mi_res_id }[kind];
  return typeof echo === "string" && echo.toLowerCase() === id.toLowerCase();
}

function failure(answer: Answer, action: string, source: Source): Error {
  const { status, text } = answer;
  const error = errorFromAnswer({ ...answer, text: asOAuth(text) }, action, {
    redact: (text) => redact(text, source.secrets),
  });
  const isAbsent = status === 0 || status === 403 && text.includes("unreachable") || source.isAbsent?.(answer);
  return isAbsent ? new CredentialUnavailableError(error.message) : error;
}

/** Returns an error answer as RFC 6749 has it, which the sources write in their own ways. */
function asOAuth(text: string): string {
  const body = parseObject(text);
  if (!body) return text;
  const { error = body.message } = body;
  const { code, message = body.error_description, correlationId = body.correlationId } = isObject(error) ? error : {};
  return JSON.stringify({ correlation_id: correlationId, ...body, error: code ?? error, error_description: message });
}
