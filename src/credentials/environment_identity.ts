import { checkCharacters, checkClientId, checkText, checkVariable } from "../core/validate.ts";
import { createGetToken, type GetToken } from "../core/get_token.ts";
import { nameCredential } from "../core/failures.ts";
import { type EnvironmentIdentity, readIdentityVariables, variablesOf } from "./identity_variables.ts";
import { rereadVariables, type Settings } from "../core/settings.ts";
import { checkAppTenantId, checkTenantId } from "../core/tenants.ts";
import { trim, WHITE_SPACE } from "../core/trim.ts";
import type { CredentialOptions } from "../options.ts";
import { fileReaders } from "../runtime/files.ts";
import { createCertificateAuth } from "../certificates/certificate_auth.ts";
import { certificateCacheIdentity } from "../certificates/certificate_configuration.ts";
import { noAuth, secretAuth } from "../entra/client_auth.ts";
import { createTokenClient, type Grant } from "../entra/token_client.ts";

/** The grant of an identity, and the values that partition its cache. */
interface EnvironmentGrant extends Pick<Grant, "clientAuth" | "type" | "parameters"> {
  cacheIdentity(): (string | object)[] | Promise<(string | object)[]>;
}

/**
 * Returns the `getToken` of the identity that environment variables configure. Throws a `CredentialUnavailableError` if
 * they configure none, an `AuthenticationError` if one is malformed or may not be read.
 */
export function createEnvironmentIdentity(name: string, options: CredentialOptions, settings: Settings): GetToken {
  try {
    return createIdentity(name, options, settings);
  } catch (error) {
    nameCredential(error, name);
    throw error;
  }
}

function createIdentity(name: string, options: CredentialOptions, resolved: Settings): GetToken {
  const settings = rereadVariables(resolved);
  const identity = readIdentityVariables(settings);
  const { tenantId, clientId } = identity;
  const allowed = (settings.env("AZURE_ADDITIONALLY_ALLOWED_TENANTS") ?? "").split(";").flatMap((id) =>
    trim(id, WHITE_SPACE) || []
  );
  check("AZURE_CLIENT_ID", checkClientId);
  check("AZURE_ADDITIONALLY_ALLOWED_TENANTS", () => {
    for (const id of allowed) if (id !== "*") checkTenantId(id);
  });
  check("AZURE_TENANT_ID", identity.kind === "user" ? checkTenantId : checkAppTenantId);
  const { cacheIdentity, ...grant } = createGrant(identity);
  const acquire = createTokenClient({ name, clientId, ...grant }, settings);
  const source = `the variables ${variablesOf(identity).join(", ")}`;
  const additionallyAllowedTenants = [...settings.additionallyAllowedTenants, ...allowed];
  return createGetToken({ name, tenantId, source, cacheIdentity, acquire }, {
    ...settings,
    additionallyAllowedTenants,
  });

  function createGrant(identity: EnvironmentIdentity): EnvironmentGrant {
    switch (identity.kind) {
      case "secret": {
        const { secret } = identity;
        check("AZURE_CLIENT_SECRET", checkText);
        return { type: "client_credentials", clientAuth: secretAuth(secret), cacheIdentity: () => [clientId, secret] };
      }
      case "certificate": {
        check("AZURE_CLIENT_CERTIFICATE_PATH", checkPath);
        const certificatePassword = settings.env("AZURE_CLIENT_CERTIFICATE_PASSWORD") || undefined;
        if (certificatePassword) check("AZURE_CLIENT_CERTIFICATE_PASSWORD", checkText);
        check("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN", checkBoolean);
        const sendCertificateChain = /^(true|1)$/i.test(settings.env("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN") ?? "");
        const variable = "AZURE_CLIENT_CERTIFICATE_PATH";
        const certificate = { certificatePath: identity.certificatePath, certificatePassword, variable };
        const context = { sendCertificateChain, ...fileReaders(options.runtime), now: settings.now };
        return {
          type: "client_credentials",
          clientAuth: createCertificateAuth(certificate, context),
          cacheIdentity: async () => [clientId, ...await certificateCacheIdentity(certificate, context)],
        };
      }
      case "user": {
        check("AZURE_USERNAME", checkText);
        check("AZURE_PASSWORD", checkText);
        const { username, password } = identity;
        return {
          type: "password",
          clientAuth: noAuth(),
          parameters: { username, password },
          // Neither the password nor its digest: a password can be guessed, and a shared cache would confirm the guess.
          cacheIdentity: () => [resolved, clientId, username],
        };
      }
    }
  }

  function check(variable: string, is: (value: string) => void): void {
    checkVariable(name, variable, settings.env(variable) ?? "", is);
  }
}

function checkPath(path: string): void {
  checkText(path);
  if (path.includes("-----BEGIN")) throw new TypeError("It must be the path of a PEM file, not its content");
  checkCharacters(path, /[\r\n\uFEFF]|^["']|["']$/, "It must be the path of a PEM file");
}

function checkBoolean(value: string): void {
  if (!/^(|true|false|1|0)$/i.test(value)) throw new TypeError('It must be "true", "1", "false" or "0"');
}
