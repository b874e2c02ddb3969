/**
 * `ManagedIdentityCredential` authenticates with the managed identity of the Azure resource that the application runs on.
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
  /** How long it may take to get one token, waits and retries included, in milliseconds. Default: 120,000. */
  timeoutInMs?: number | undefined;
  /**
   * How long a chain waits to learn whether there is a metadata service, in milliseconds. Default: the variable
   * `AZURE_IMDS_PROBE_TIMEOUT_IN_MS`, else 1000.
   */
  probeTimeoutInMs?: number | undefined;
}

/** Options of {@linkcode ManagedIdentityCredential} for the identity with a client id. */
export interface ManagedIdentityCredentialClientIdOptions extends ManagedIdentityCredentialOptions {
  /** The client id of a user-assigned identity. Default: the machine's own identity. */
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

/**
 * The identity that Azure gives to the machine the program runs on: a virtual machine, App Service, Functions, Container Apps, AKS, a
 * server of Azure Arc, Service Fabric, Azure Machine Learning, Cloud Shell. The variables of the machine say which; without them it is the
 * metadata service of a virtual machine, which only a chain probes for first.
 *
 * With `AZURE_TENANT_ID`, `AZURE_FEDERATED_TOKEN_FILE` and a client id (given, or in `AZURE_CLIENT_ID`) it is `WorkloadIdentityCredential`.
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
   * Checks the arguments; reads and sends nothing.
   *
   * @param clientId The client id of a user-assigned identity. Default: the machine's own identity.
   * @param options See {@linkcode ManagedIdentityCredentialOptions}.
   * @throws {TypeError} An argument is malformed, or there are two ids.
   */
  constructor(clientId: string, options?: ManagedIdentityCredentialOptions);
  /**
   * Checks the options; reads and sends nothing.
   *
   * @param options At most one of `clientId`, `objectId` and `resourceId`, and {@linkcode ManagedIdentityCredentialOptions}.
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
    setInternals(this, chooseManagedIdentity(options, resolveSettings(options), () => identity));
  }

  /**
   * Returns a token, from memory while it is fresh.
   *
   * @param scopes One scope that ends in `/.default`, such as `"https://vault.azure.net/.default"`.
   * @param options See {@linkcode GetTokenOptions}; `tenantId` is ignored.
   * @throws {CredentialUnavailableError} There is no metadata service, or it knows no identity.
   * @throws {AuthenticationError} The source refuses or does not respond, more than one scope is given, a variable is malformed or may not be
   * read, or names a file that cannot be read.
   */
  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    return internalsOf<GetToken>(this)(scopes, options);
  }
}
