/** A subscription, as far as the Azure CLI wants to know it. */
export interface Subscription {
  readonly id: string;
  readonly name: string;
}

/** The subscriptions of each tenant, by the tenant's id. */
export type Subscriptions = Readonly<Record<string, readonly Subscription[]>>;

/**
 * Answers as the Azure Resource Manager does where the Azure CLI signs in: which subscriptions are there for the tenant of the token?
 *
 * https://learn.microsoft.com/rest/api/resources/subscriptions/list
 */
export function answerSubscriptions(request: Request, subscriptions: Subscriptions): Response {
  const { pathname, searchParams } = new URL(request.url);
  const [, payload] = /^Bearer [\w-]+\.([\w-]+)\./.exec(request.headers.get("authorization") ?? "") ?? [];
  if (!payload) return answer(401, { error: { code: "AuthenticationFailed", message: "A token is missing" } });
  if (pathname !== "/subscriptions" || !searchParams.has("api-version")) {
    return answer(404, { error: { code: "NotFound", message: `There is no ${pathname}` } });
  }
  const { tid: tenantId } = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")));
  const value = (subscriptions[tenantId] ?? []).map(({ id, name }) => ({
    id: `/subscriptions/${id}`,
    subscriptionId: id,
    tenantId,
    displayName: name,
    state: "Enabled",
    managedByTenants: [],
  }));
  return answer(200, { value });
}

function answer(status: number, body: object): Response {
  return new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json; charset=utf-8" } });
}
