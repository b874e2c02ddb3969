/** The properties of a subscription that the Azure CLI needs. */
export interface Subscription {
  readonly id: string;
  readonly name: string;
}

/** The subscriptions of each tenant, by the tenant's id. */
export type Subscriptions = Readonly<Record<string, readonly Subscription[]>>;

/**
 * Responds like the Azure Resource Manager when the Azure CLI signs in: with the subscriptions of the token's tenant.
 *
 * https://learn.microsoft.com/rest/api/resources/subscriptions/list
 */
export function answerSubscriptions(request: Request, subscriptions: Subscriptions): Response {
  const { pathname, searchParams } = new URL(request.url);
  const [, payload] = /^Bearer [\w-]+\.([\w-]+)\./.exec(request.headers.get("authorization") ?? "") ?? [];
  if (!payload) return respond(401, { error: { code: "AuthenticationFailed", message: "A token is missing" } });
  if (pathname !== "/subscriptions" || !searchParams.has("api-version")) {
    return respond(404, { error: { code: "NotFound", message: `There is no ${pathname}` } });
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
  return respond(200, { value });
}

function respond(status: number, body: object): Response {
  return new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json; charset=utf-8" } });
}
