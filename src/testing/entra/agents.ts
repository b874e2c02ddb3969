import { type Directory, findUser, required, same } from "./directory.ts";
import type { EntraApp } from "./entra_options.ts";
import { loadJose } from "./load_jose.ts";
import { formatTime, ServiceError } from "./service_error.ts";
import { verify } from "./signing_key.ts";
import { objectIdOf } from "./tokens.ts";
import type { GrantedSession, TokenRequest } from "./token_request.ts";

const EXCHANGE = /^api:\/\/AzureADTokenExchange(USGov|China)?$/;

/**
 * Returns the subject of the assertion that a blueprint requests for one of its agent identities; `undefined` if the
 * request has no `fmi_path`. A blueprint is the app registration of a kind of agent: it authenticates for its agents.
 *
 * @throws {ServiceError} The blueprint has no such agent identity.
 *
 * @see https://learn.microsoft.com/entra/agent-id/identity-platform/agent-oauth-protocols
 */
export function agentSubject({ form, tenant }: TokenRequest, app: EntraApp, { apps }: Directory): string | undefined {
  const agentId = form.fmi_path;
  if (agentId === undefined) return undefined;
  const agent = apps.find((each) =>
    same(each.clientId, agentId) && same(each.tenantId, app.tenantId) && same(each.blueprintId ?? "", app.clientId)
  );
  if (!agent) throw new ServiceError(700016, { app: agentId, tenant });
  return subjectOf(agent);
}

/**
 * Validates the assertion with which an agent identity authenticates: a token of its blueprint.
 *
 * @throws {ServiceError} The assertion is not valid.
 */
export async function checkAgentAssertion(assertion: string, agent: EntraApp, directory: Directory): Promise<void> {
  const { aud, sub, iss } = await claimsOf(assertion, directory, 700024);
  if (!EXCHANGE.test(String(aud))) throw new ServiceError(700212, { audience: String(aud) });
  if (sub !== subjectOf(agent)) throw new ServiceError(700213, { subject: String(sub), issuer: String(iss) });
}

/**
 * Returns the session of the user account of an agent identity (grant `user_fic`). The request contains a token of the
 * agent identity, and the name or id of the user account.
 */
export async function byUserCredential(
  { form, tenant }: TokenRequest,
  app: EntraApp,
  directory: Directory,
): Promise<GrantedSession> {
  const claims = await claimsOf(required(form, "user_federated_identity_credential"), directory, 500133);
  if (!EXCHANGE.test(String(claims.aud)) || !same(String(claims.appid), app.clientId)) {
    throw new ServiceError(50013, { reason: "The credential is not for this agent identity." }, "invalid_grant");
  }
  const username = form.username ?? await nameOf(required(form, "user_id"), directory);
  const user = findUser(directory, username, tenant);
  if (!user || !same(user.agentId ?? "", app.clientId)) {
    throw new ServiceError(50034, { username, tenant, app: app.clientId });
  }
  return { user, hasMfa: false };
}

function subjectOf({ tenantId, blueprintId, clientId }: EntraApp): string {
  return `/eid1/c/pub/t/${tenantId}/a/${blueprintId}/${clientId}`;
}

async function nameOf(objectId: string, { users }: Directory): Promise<string> {
  for (const { tenantId, username } of users) {
    if (await objectIdOf(`${tenantId}/${username}`) === objectId.toLowerCase()) return username;
  }
  return objectId;
}

async function claimsOf(
  token: string,
  { now }: Directory,
  expired: number,
): Promise<Readonly<Record<string, unknown>>> {
  const { decodeJwt } = await loadJose();
  try {
    return await verify(token, now());
  } catch (error) {
    if ((error as { code?: string }).code !== "ERR_JWT_EXPIRED") {
      throw new ServiceError(50013, { reason: "The signature could not be verified." });
    }
    const { nbf = 0, exp = 0 } = decodeJwt(token);
    throw new ServiceError(expired, {
      now: formatTime(now()),
      from: formatTime(nbf * 1000),
      until: formatTime(exp * 1000),
    });
  }
}
