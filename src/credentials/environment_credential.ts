import { checkClientId, checkText } from "../core/check_text.ts";
import { checkVariable } from "../core/check_variable.ts";
import { resolveSettings, type Settings } from "../core/settings.ts";
import { checkAppTenantId, checkTenantId, resolveTenant } from "../core/tenants.ts";
import { nameCredential } from "../core/failures.ts";
import { findPrincipal } from "../core/principal.ts";
import type { CredentialOptions } from "../options.ts";
import type { AccessToken, GetTokenOptions, TokenCredential } from "../token_credential.ts";
import { ClientCertificateCredential } from "./client_certificate_credential.ts";
import { ClientSecretCredential } from "./client_secret_credential.ts";
import { UsernamePasswordCredential } from "./username_password_credential.ts";

/** Options of {@linkcode EnvironmentCredential}. */
export type EnvironmentCredentialOptions = CredentialOptions;

/** Who the variables say the program is. */
interface Principal {
  readonly credential: ClientSecretCredential | ClientCertificateCredential | UsernamePasswordCredential;
  /** Throws an `AuthenticationError` where the tenant of a call may not be asked. */
  checkTenant(requested: string | undefined): void;
}

/**
 * Whoever the environment variables name: a service principal or a user. With `AZURE_TENANT_ID` and `AZURE_CLIENT_ID` the first that is
 * set of
 *
 * 1. `AZURE_CLIENT_SECRET`
 * 2. `AZURE_CLIENT_CERTIFICATE_PATH`, with `AZURE_CLIENT_CERTIFICATE_PASSWORD` and `AZURE_CLIENT_SEND_CERTIFICATE_CHAIN`
 * 3. `AZURE_USERNAME` and `AZURE_PASSWORD`
 *
 * `AZURE_ADDITIONALLY_ALLOWED_TENANTS` lists further tenants, separated by semicolons. The variables are read when the first token is asked for.
 *
 * @example On Cloudflare Workers, with the bindings of the Worker
 * ```ts no-eval
 * import { EnvironmentCredential } from "@azweb/identity";
 *
 * export default {
 *   async fetch(_request: Request, env: Record<string, unknown>): Promise<Response> {
 *     const credential = new EnvironmentCredential({ env });
 *     const { token } = await credential.getToken("https://storage.azure.com/.default");
 *     return await fetch("https://myaccount.blob.core.windows.net/files/a.txt", {
 *       headers: { authorization: `Bearer ${token}`, "x-ms-version": "2025-01-05" },
 *     });
 *   },
 * };
 * ```
 */
export class EnvironmentCredential implements TokenCredential {
  readonly #options: EnvironmentCredentialOptions;
  readonly #settings: Settings;
  #principal: Principal | undefined;

  /**
   * Reads and sends nothing.
   *
   * @param options See {@linkcode CredentialOptions}; `env` replaces the variables of the process.
   * @throws {TypeError} An option is malformed.
   */
  constructor(options: EnvironmentCredentialOptions = {}) {
    this.#options = options;
    this.#settings = resolveSettings(options);
  }

  /**
   * Returns a token, from memory while it is fresh.
   *
   * @param scopes What the token is for, such as `"https://storage.azure.com/.default"`.
   * @param options See {@linkcode GetTokenOptions}.
   * @throws {CredentialUnavailableError} The variables are not set, or may not be read.
   * @throws {AuthenticationError} They are set, and are malformed, name a file that cannot be read, are refused, or may not ask the tenant of
   * `options`.
   */
  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    try {
      this.#principal ??= createPrincipal(this.#options, this.#settings);
      this.#principal.checkTenant(options?.tenantId);
    } catch (error) {
      nameCredential(error, "EnvironmentCredential");
      return Promise.reject(error);
    }
    return this.#principal.credential.getToken(scopes, options);
  }
}

function createPrincipal(options: EnvironmentCredentialOptions, settings: Settings): Principal {
  const principal = findPrincipal(settings);
  const { tenantId, clientId } = principal;
  const further = (settings.env("AZURE_ADDITIONALLY_ALLOWED_TENANTS") ?? "").split(";").flatMap((id) =>
    id.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, "") || []
  );
  const all = { ...options, additionallyAllowedTenants: [...settings.additionallyAllowedTenants, ...further] };
  check("AZURE_CLIENT_ID", checkClientId);
  check("AZURE_ADDITIONALLY_ALLOWED_TENANTS", () => {
    for (const id of further) if (id !== "*") checkTenantId(id);
  });
  check("AZURE_TENANT_ID", principal.kind === "user" ? checkTenantId : checkAppTenantId);
  return {
    credential: create(),
    checkTenant(requested) {
      const spec = { name: "EnvironmentCredential", tenantId, isBound: true };
      resolveTenant(requested, spec, { ...settings, additionallyAllowedTenants: all.additionallyAllowedTenants });
    },
  };

  function create(): Principal["credential"] {
    switch (principal.kind) {
      case "secret":
        check("AZURE_CLIENT_SECRET", checkText);
        return new ClientSecretCredential(tenantId, clientId, principal.secret, all);
      case "certificate": {
        const { certificatePath } = principal;
        check("AZURE_CLIENT_CERTIFICATE_PATH", checkPath);
        const certificatePassword = settings.env("AZURE_CLIENT_CERTIFICATE_PASSWORD") || undefined;
        if (certificatePassword) check("AZURE_CLIENT_CERTIFICATE_PASSWORD", checkText);
        const sendCertificateChain = /^(true|1)$/i.test(settings.env("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN") ?? "");
        const certificate = { certificatePath, certificatePassword, variable: "AZURE_CLIENT_CERTIFICATE_PATH" };
        return new ClientCertificateCredential(tenantId, clientId, certificate, { ...all, sendCertificateChain });
      }
      case "user":
        check("AZURE_USERNAME", checkText);
        check("AZURE_PASSWORD", checkText);
        return new UsernamePasswordCredential(tenantId, clientId, principal.username, principal.password, all);
    }
  }

  function check(name: string, is: (value: string) => void): void {
    checkVariable("EnvironmentCredential", name, settings.env(name) ?? "", is);
  }
}

function checkPath(path: string): void {
  checkText(path);
  if (/-----BEGIN|[\r\n]/.test(path)) throw new TypeError("It must be the path of a PEM file, not what is in it");
}
