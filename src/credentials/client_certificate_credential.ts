/**
 * `ClientCertificateCredential` authenticates an application with a certificate and its private key.
 *
 * @example
 * ```ts no-eval
 * import { ClientCertificateCredential } from "@azweb/identity/client-certificate-credential";
 *
 * const credential = new ClientCertificateCredential("my-tenant-id", "my-client-id", "/secrets/app.pem");
 * const { token } = await credential.getToken("https://storage.azure.com/.default");
 * ```
 *
 * @module
 */

import { checkClientId, checkPositional } from "../core/validate.ts";
import { createGetToken, type GetToken } from "../core/get_token.ts";
import { internalsOf, setInternals } from "../core/internals.ts";
import { APP_VARIABLES } from "../core/require_variables.ts";
import { resolveSettings } from "../core/settings.ts";
import { checkAppTenantId } from "../core/tenants.ts";
import { createCertificateAuth } from "../certificates/certificate_auth.ts";
import {
  certificateCacheIdentity,
  type CertificateConfiguration,
  checkCertificateConfiguration,
  partsOf,
} from "../certificates/certificate_configuration.ts";
import { claimsOf } from "../entra/claims.ts";
import { createTokenClient } from "../entra/token_client.ts";
import type { AppCredentialOptions } from "../options.ts";
import { fileReaders } from "../runtime/files.ts";
import type { AccessToken, GetTokenOptions, TokenCredential } from "../token_credential.ts";

export type {
  CertificateConfiguration,
  ClientCertificateCredentialPEMConfiguration,
  ClientCertificateKey,
  ClientCertificatePEMCertificate,
  ClientCertificatePEMCertificatePath,
  ClientCertificateSigner,
  PublicCertificate,
} from "../certificates/certificate_configuration.ts";

/** Options of {@linkcode ClientCertificateCredential}. */
export interface ClientCertificateCredentialOptions extends AppCredentialOptions {
  /**
   * Whether the client assertion contains the certificate chain (`x5c`), for app registrations that trust every
   * certificate with a certain subject name and issuer.
   *
   * @default {false}
   */
  sendCertificateChain?: boolean | undefined;
}

/**
 * Authenticates an application with a certificate and its private key.
 *
 * @example With a PEM file, and with a non-extractable `CryptoKey`
 * ```ts no-eval
 * import { ClientCertificateCredential } from "@azweb/identity";
 *
 * const byFile = new ClientCertificateCredential("my-tenant-id", "my-client-id", "/secrets/app.pem");
 *
 * declare const privateKey: CryptoKey;
 * declare const certificate: string;
 * const byKey = new ClientCertificateCredential("my-tenant-id", "my-client-id", { certificate, privateKey });
 * ```
 *
 * @see https://learn.microsoft.com/entra/identity-platform/certificate-credentials
 */
export class ClientCertificateCredential implements TokenCredential {
  /**
   * Validates the arguments. Reads and sends nothing.
   *
   * @param tenantId The tenant's id or domain name.
   * @param clientId The app's client id.
   * @param configuration The path of a PEM file with the certificate and its private key, or another
   * {@linkcode CertificateConfiguration}.
   * @param options See {@linkcode ClientCertificateCredentialOptions}.
   * @throws {TypeError} An argument is missing or malformed.
   */
  constructor(
    tenantId: string,
    clientId: string,
    configuration: CertificateConfiguration,
    options: ClientCertificateCredentialOptions = {},
  ) {
    checkPositional(tenantId, "ClientCertificateCredential(tenantId, clientId, configuration, options)");
    checkAppTenantId(tenantId);
    checkClientId(clientId);
    checkCertificateConfiguration(configuration);
    const name = "ClientCertificateCredential";
    const settings = resolveSettings(options, name, "sendCertificateChain claimsFromClient");
    const sendCertificateChain = options.sendCertificateChain ?? false;
    const context = { sendCertificateChain, ...fileReaders(options.runtime), now: settings.now };
    const claims = claimsOf(options);
    const clientAuth = createCertificateAuth(configuration, context);
    const acquire = createTokenClient({ name, clientId, clientAuth, type: "client_credentials", claims }, settings);
    const cacheIdentity = async () => [
      clientId,
      ...await certificateCacheIdentity(configuration, context),
      ...claims ? [claims] : [],
    ];
    const files = [partsOf(configuration).certificatePath];
    const spec = { name, tenantId, variables: APP_VARIABLES, files, cacheIdentity, acquire };
    setInternals(this, createGetToken(spec, settings));
  }

  /**
   * Returns a token, from the cache if it has one.
   *
   * @param scopes One scope that ends in `/.default`, such as `"https://vault.azure.net/.default"`.
   * @param options See {@linkcode GetTokenOptions}.
   * @throws {AuthenticationError} The file cannot be read, the certificate or the key cannot be used, or Microsoft
   * Entra rejects them or cannot be reached.
   */
  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    return internalsOf<GetToken>(this)(scopes, options);
  }
}
