// A program that was written for `@azure/identity`: every way to construct the credentials, and what is done with them. types_test.ts checks
// it a second time with the import changed back. Never run.
import type { TokenCredential } from "@azure/core-auth";
import {
  type AccessToken,
  AggregateAuthenticationError,
  AuthenticationError,
  type AuthorityValidationOptions,
  AzureAuthorityHosts,
  ChainedTokenCredential,
  ClientAssertionCredential,
  type ClientAssertionCredentialOptions,
  ClientCertificateCredential,
  type ClientCertificateCredentialOptions,
  type ClientCertificateCredentialPEMConfiguration,
  type ClientCertificatePEMCertificate,
  type ClientCertificatePEMCertificatePath,
  ClientSecretCredential,
  type ClientSecretCredentialOptions,
  CredentialUnavailableError,
  DefaultAzureCredential,
  type DefaultAzureCredentialOptions,
  EnvironmentCredential,
  type EnvironmentCredentialOptions,
  type ErrorResponse,
  getBearerTokenProvider,
  type GetBearerTokenProviderOptions,
  getDefaultAzureCredential,
  type GetTokenOptions,
  type MultiTenantTokenCredentialOptions,
  type TokenCredential as TheirTokenCredential,
  type TokenCredentialOptions,
  UsernamePasswordCredential,
  type UsernamePasswordCredentialOptions,
  WorkloadIdentityCredential,
  type WorkloadIdentityCredentialOptions,
} from "@azweb/identity";

const authority = {
  authorityHost: AzureAuthorityHosts.AzureGovernment,
  additionallyAllowedTenants: ["*"],
  disableInstanceDiscovery: true,
  retryOptions: { maxRetries: 5, retryDelayInMs: 100, maxRetryDelayInMs: 1000 },
};
const forSecret: ClientSecretCredentialOptions = authority;
const forCertificate: ClientCertificateCredentialOptions = { ...authority, sendCertificateChain: true };
const forAssertion: ClientAssertionCredentialOptions = authority;
const forUser: UsernamePasswordCredentialOptions = authority;
const forWorkload: WorkloadIdentityCredentialOptions = {
  ...authority,
  tokenFilePath: "/token",
  enableAzureProxy: true,
};
const forEnvironment: EnvironmentCredentialOptions = authority;
const forDefault: DefaultAzureCredentialOptions = authority;

const credentials: TokenCredential[] = [
  new ClientSecretCredential("tenant", "client", "secret"),
  new ClientSecretCredential("tenant", "client", "secret", forSecret),
  new ClientCertificateCredential("tenant", "client", "/path.pem"),
  new ClientCertificateCredential("tenant", "client", "/path.pem", forCertificate),
  new ClientCertificateCredential("tenant", "client", { certificatePath: "/path.pem" }, forCertificate),
  new ClientCertificateCredential("tenant", "client", {
    certificatePath: "/path.pem",
    certificatePassword: "password",
  }),
  new ClientCertificateCredential("tenant", "client", { certificate: "pem" }),
  new ClientCertificateCredential("tenant", "client", { certificate: "pem", certificatePassword: "password" }),
  new ClientAssertionCredential("tenant", "client", async () => await Promise.resolve("assertion"), forAssertion),
  new UsernamePasswordCredential("tenant", "client", "username", "password", forUser),
  new WorkloadIdentityCredential(),
  new WorkloadIdentityCredential({ tenantId: "tenant", clientId: "client", ...forWorkload }),
  new EnvironmentCredential(),
  new EnvironmentCredential(forEnvironment),
  new DefaultAzureCredential(),
  new DefaultAzureCredential(forDefault),
  getDefaultAzureCredential(),
  new ChainedTokenCredential(new EnvironmentCredential(), new ClientSecretCredential("tenant", "client", "secret")),
];

// Options by the names of their groups, and filled in one after the other.
const forAny: TokenCredentialOptions = { retryOptions: {} };
forAny.authorityHost = AzureAuthorityHosts.AzureChina;
forAny.retryOptions = { maxRetries: 1 };
forAny.retryOptions.maxRetries = 2;
const forTenants: MultiTenantTokenCredentialOptions = { ...forAny };
forTenants.additionallyAllowedTenants = ["*"];
const validation: AuthorityValidationOptions = {};
validation.disableInstanceDiscovery = true;
forWorkload.clientId = "client";
forCertificate.sendCertificateChain = true;

interface OwnOptions extends MultiTenantTokenCredentialOptions, AuthorityValidationOptions {
  appId: string;
}
const own: OwnOptions = { appId: "client", ...forTenants, ...validation };
const text: ClientCertificatePEMCertificate = { certificate: "pem" };
const path: ClientCertificatePEMCertificatePath = { certificatePath: "/path.pem" };
const configurations: ClientCertificateCredentialPEMConfiguration[] = [text, path];
credentials.push(new DefaultAzureCredential(own), new ClientSecretCredential("tenant", own.appId, "secret", forAny));
credentials.push(
  new ClientCertificateCredential("tenant", "client", text, own),
  new ClientCertificateCredential("tenant", "client", path, own),
);

class Mine implements TheirTokenCredential {
  getToken(_scopes: string | string[], options: GetTokenOptions = {}): Promise<AccessToken> {
    options.tenantId = "tenant";
    return new EnvironmentCredential().getToken("scope", options);
  }
}
const provider: GetBearerTokenProviderOptions = {};
provider.abortSignal = new AbortController().signal;
void getBearerTokenProvider(new ChainedTokenCredential(new Mine()), "scope", provider);

class Counting extends DefaultAzureCredential {
  calls = 0;
  override getToken(...args: Parameters<DefaultAzureCredential["getToken"]>) {
    this.calls++;
    return super.getToken(...args);
  }
}

async function main(credential: TokenCredential): Promise<string> {
  const getToken = getBearerTokenProvider(credential, "https://cognitiveservices.azure.com/.default", {
    abortSignal: new AbortController().signal,
  });
  try {
    const scopes = ["https://storage.azure.com/.default"];
    const token = await new Counting().getToken(scopes, { tenantId: "tenant", claims: "{}", enableCae: true });
    return `${token.token} ${new Date(token.expiresOnTimestamp)} ${token.refreshAfterTimestamp} ${await getToken()}`;
  } catch (error) {
    if (error instanceof AggregateAuthenticationError) return error.errors.join();
    if (error instanceof CredentialUnavailableError) return error.message;
    if (error instanceof AuthenticationError) {
      const response: ErrorResponse | undefined = error.errorResponse;
      return `${error.name} ${error.statusCode} ${response?.error} ${response?.errorDescription} ${
        response?.errorCodes?.[0]
      }
        ${response?.correlationId} ${response?.timestamp} ${response?.traceId}`;
    }
    throw error;
  }
}

void [credentials.map(main), configurations];
