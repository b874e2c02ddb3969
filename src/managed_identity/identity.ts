import { checkCharacters, checkClientId, checkText, checkVariable } from "../core/validate.ts";
import type { Settings } from "../core/settings.ts";

/** A user-assigned identity, by one of its ids. */
export interface UserAssignedIdentity {
  readonly kind: "clientId" | "objectId" | "resourceId";
  readonly id: string;
  /** The variable with the id; absent for an option. The id in `AZURE_CLIENT_ID` may be that of a service principal. */
  readonly variable?: "AZURE_CLIENT_ID" | "DEFAULT_IDENTITY_CLIENT_ID";
}

/** The options that name a user-assigned identity. */
export type IdentityOptions = { readonly [Kind in UserAssignedIdentity["kind"]]?: string | undefined };

/**
 * Returns the identity that the options name; `undefined` for the system-assigned one. Throws a `TypeError` if one is
 * malformed, or there are two.
 */
export function identityIn(options: IdentityOptions): UserAssignedIdentity | undefined {
  const [kind, second] = (["clientId", "objectId", "resourceId"] as const).filter((kind) =>
    options[kind] !== undefined
  );
  if (!kind) return undefined;
  if (second) throw new TypeError(`Options "${kind}" and "${second}" name two identities: Give one of them`);
  const id = options[kind];
  if (kind === "clientId") checkClientId(id);
  else checkText(id, kind);
  if (kind === "objectId") checkCharacters(id, /[^!-~]|^["'`]|["'`]$/, 'Option "objectId" must be an id');
  // deno-lint-ignore no-control-regex
  if (kind !== "resourceId" || /^\/subscriptions\/[^\x00-\x1f\x7f-\x9f]+$/i.test(id)) return { kind, id };
  throw new TypeError('Option "resourceId" must be a resource id of Azure, which begins with "/subscriptions/"');
}

/**
 * Returns the identity with the client id in the variable `AZURE_CLIENT_ID`; `undefined` if that is not set. Throws an
 * `AuthenticationError` if it is malformed.
 */
export function identityInVariable(credential: string, { env }: Settings): UserAssignedIdentity | undefined {
  const variable = "AZURE_CLIENT_ID";
  const id = env(variable);
  if (!id) return undefined;
  checkVariable(credential, variable, id, checkClientId);
  return { kind: "clientId", id, variable };
}

/**
 * Whether the program is a pod of AKS with a federated token, which is used in place of the identity of the machine.
 */
export function hasFederatedToken({ env }: Settings, identity: UserAssignedIdentity | undefined): boolean {
  if (identity && identity.kind !== "clientId") return false;
  return Boolean(
    (identity?.id || env("AZURE_CLIENT_ID")) && env("AZURE_TENANT_ID") && env("AZURE_FEDERATED_TOKEN_FILE"),
  );
}
