/**
 * `ManagedIdentityCredential` authenticates with the managed identity of the Azure resource that the application runs
 * on.
 *
 * @example
 * ```ts no-eval
 * import { ManagedIdentityCredential } from "@azweb/identity/managed-identity-credential";
 *
 * const credential = new ManagedIdentityCredential();
 * const { token } = await credential.getToken("https://storage.azure.com/.default");
 * ```
 *
 * @module
 */

import type { GetToken } from "../core/get_token.ts";
import { internalsOf, setInternals } from "../core/internals.ts";
import { resolveSettings } from "../core/settings.ts";
import { identityIn, type IdentityOptions } from "../managed_identity/identity.ts";
import type { CredentialOptions } from "../options.ts";
import type { AccessToken, GetTokenOptions, TokenCredential } from "../token_credential.ts";
import { chooseManagedIdentity } from "./choose_managed_identity.ts";

/** Options of {@linkcode ManagedIdentityCredential}. */
export interface ManagedIdentityCredentialOptions extends CredentialOptions {
  /**
   * Maximum duration of the acquisition of a token, including delays and retries, in milliseconds. With a federated
   * token, the default is 60,000.
   *
   * @default {120_000}
   */
  timeoutInMs?: number | undefined;
  /**
   * Time limit of the probe by which a chain detects the metadata service, in milliseconds. By default the environment
   * variable `AZURE_IMDS_PROBE_TIMEOUT_IN_MS`, else 1,000.
   */
  probeTimeoutInMs?: number | undefined;
}

/** Options of {@linkcode ManagedIdentityCredential} for the identity with a client id. */
export interface ManagedIdentityCredentialClientIdOptions extends ManagedIdentityCredentialOptions {
  /** The client id of a user-assigned identity. By default the system-assigned identity. */
  clientId?: string | undefined;
}

/** Options of {@linkcode ManagedIdentityCredential} for the identity with an object id. */
export interface ManagedIdentityCredentialObjectIdOptions extends ManagedIdentityCredentialOptions {
  /** The object id (principal id) of a user-assigned identity. */
  objectId: string;
}

/** Options of {@linkcode ManagedIdentityCredential} for the identity with a resource id. */
export interface ManagedIdentityCredentialResourceIdOptions extends ManagedIdentityCredentialOptions {
  /** The resource id of a user-assigned identity: `/subscriptions/…/userAssignedIdentities/…`. */
  resourceId: string;
}

type AnyOptions = ManagedIdentityCredentialOptions & IdentityOptions;

/** The names of its options, without those that every credential has. */
const OPTIONS = "clientId objectId resourceId probeTimeoutInMs";

/**
 * Authenticates as the managed identity of the machine that the program runs on: a virtual machine, App Service,
 * Functions, Container Apps, AKS, a server of Azure Arc, Service Fabric, Azure Machine Learning or Cloud Shell.
 *
 * Environment variables determine the source of the tokens; without them, it is the instance metadata service of a
 * virtual machine. In a chain, the credential probes for that service first.
 *
 * If `AZURE_TENANT_ID`, `AZURE_FEDERATED_TOKEN_FILE` and a client id (by option or in `AZURE_CLIENT_ID`) are set, the
 * credential acts as `WorkloadIdentityCredential`.
 *
 * @example
 * ```ts no-eval
 * import { ManagedIdentityCredential } from "@azweb/identity";
 *
 * const machine = new ManagedIdentityCredential();
 * const assigned = new ManagedIdentityCredential({ clientId: "11111111-2222-3333-4444-555555555555" });
 * const { token } = await assigned.getToken("https://storage.azure.com/.default");
 * ```
 *
 * @see https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/overview
 */
export class ManagedIdentityCredential implements TokenCredential {
  /**
   * Validates the arguments. Reads and sends nothing.
   *
   * @param clientId The client id of a user-assigned identity.
   * @param options See {@linkcode ManagedIdentityCredentialOptions}.
   * @throws {TypeError} An argument is malformed, or there are two ids.
   */
  constructor(clientId: string, options?: ManagedIdentityCredentialOptions);
  /**
   * Validates the options. Reads and sends nothing.
   *
   * @param options At most one of `clientId`, `objectId` and `resourceId`, and
   * {@linkcode ManagedIdentityCredentialOptions}.
   * @throws {TypeError} An option is malformed, or there are two ids.
   */
  constructor(
    options?:
      | ManagedIdentityCredentialClientIdOptions
      | ManagedIdentityCredentialObjectIdOptions
      | ManagedIdentityCredentialResourceIdOptions,
  );
  constructor(first?: string | AnyOptions, second?: ManagedIdentityCredentialOptions) {
    const options: AnyOptions = typeof first === "string" ? { ...second, clientId: first } : first ?? second ?? {};
    const { clientId = first } = second as AnyOptions | undefined ?? {};
    if (typeof first === "string" && clientId !== first) {
      throw new TypeError('Argument "clientId" and option "clientId" name two identities: Give one of them');
    }
    const identity = identityIn(options);
    setInternals(
      this,
      chooseManagedIdentity(options, resolveSettings(options, "ManagedIdentityCredential", OPTIONS), () => identity),
    );
  }

  /**
   * Returns a token, from the cache if it has one.
   *
   * @param scopes One scope that ends in `/.default`, such as `"https://vault.azure.net/.default"`.
   * @param options See {@linkcode GetTokenOptions}; `tenantId` is ignored.
   * @throws {CredentialUnavailableError} There is no metadata service, or the machine has no identity.
   * @throws {AuthenticationError} The source rejects the request or cannot be reached, more than one scope is given, or
   * a variable is malformed, may not be read, or names a file that cannot be read.
   */
  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    return internalsOf<GetToken>(this)(scopes, options);
  }
}
