import { AuthenticationError, CredentialUnavailableError } from "../errors.ts";
import { checkCharacters } from "./validate.ts";
import { type EnvPermissions, requireVariables } from "./require_variables.ts";

/** The environment variable that makes a credential ignore the tenant of a call. */
export const MULTITENANT_VARIABLE = "AZURE_IDENTITY_DISABLE_MULTITENANTAUTH";

// Labels that are separated by single dots, so that a tenant cannot be the segment ".." in the path of a URL.
const TENANT = /^[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*$/;

/** Throws a `TypeError` unless the value can be a tenant: an id, a domain name, or a word such as `organizations`. */
export function checkTenantId(tenantId: unknown, argument = "tenantId"): asserts tenantId is string {
  if (typeof tenantId === "string" && TENANT.test(tenantId)) return;
  const requirement = `Argument "${argument}" must be the id or the domain name of a tenant ` +
    "(letters, digits, dots, hyphens; the Entra admin center shows it under Overview)";
  if (typeof tenantId === "string") checkCharacters(tenantId, /[^\w.-]|_/, requirement);
  throw new TypeError(requirement);
}

/**
 * Throws a `TypeError` unless the value can be the tenant of an app: `common`, `organizations` and `consumers` are for
 * users only.
 */
export function checkAppTenantId(tenantId: unknown): asserts tenantId is string {
  checkTenantId(tenantId);
  if (!["common", "organizations", "consumers"].includes(tenantId.toLowerCase())) return;
  throw new TypeError(
    `Argument "tenantId" must be the app's own tenant, not "${tenantId}", which is for user sign-in`,
  );
}

/**
 * Returns the tenant to request a token from. Throws an `AuthenticationError` if the tenant is not allowed, so that a
 * chain does not continue with another identity; for a developer tool a `CredentialUnavailableError`, because a chain
 * may try the next tool.
 */
export function resolveTenant(
  requested: string | undefined,
  { name, tenantId: configured, isDeveloperTool }: {
    readonly name: string;
    readonly tenantId: string | undefined;
    readonly isDeveloperTool?: boolean;
  },
  settings: EnvPermissions & {
    readonly additionallyAllowedTenants: readonly string[];
    env(name: string): string | undefined;
  },
): string {
  if (configured === undefined) return "";
  if (requested === undefined || configured.toLowerCase() === "adfs") return configured;
  checkTenantId(requested, "options.tenantId");
  // Other credentials check this permission together with those for their other variables.
  if (isDeveloperTool) requireVariables([MULTITENANT_VARIABLE], settings);
  if (settings.env(MULTITENANT_VARIABLE)) return configured;
  if (configured === "") return requested;
  const allowed = [configured, ...settings.additionallyAllowedTenants].some((tenant) =>
    tenant === "*" || tenant.toLowerCase() === requested.toLowerCase()
  );
  if (allowed) return requested;
  const message =
    `${name}: Cannot get a token from tenant "${requested}": The credential is for tenant "${configured}". ` +
    'Add the other tenant, or "*" for any, to "additionallyAllowedTenants"';
  throw isDeveloperTool
    ? new CredentialUnavailableError(message, { outcome: "not-for-this-call" })
    : new AuthenticationError(message);
}
