// A program that was written for `@azure/identity`: every way to construct and use the credentials. types_test.ts
// checks it a second time with the original import. Never run.
import type { TokenCredential } from "@azure/core-auth";
import {
  type AccessToken,
  AggregateAuthenticationError,
  AuthenticationError,
  type AuthenticationRecord,
  AuthenticationRequiredError,
  type AuthenticationRequiredErrorOptions,
  type AuthorityValidationOptions,
  AuthorizationCodeCredential,
  type AuthorizationCodeCredentialOptions,
  AzureAuthorityHosts,
  AzureCliCredential,
  type AzureCliCredentialOptions,
  AzureDeveloperCliCredential,
  type AzureDeveloperCliCredentialOptions,
  AzurePipelinesCredential,
  type AzurePipelinesCredentialOptions,
  AzurePowerShellCredential,
  type AzurePowerShellCredentialOptions,
  type BrowserCustomizationOptions,
  type BrowserLoginStyle,
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
  type DefaultAzureCredentialClientIdOptions,
  type DefaultAzureCredentialEnvVars,
  type DefaultAzureCredentialOptions,
  type DefaultAzureCredentialResourceIdOptions,
  deserializeAuthenticationRecord,
  DeviceCodeCredential,
  type DeviceCodeCredentialOptions,
  type DeviceCodeInfo,
  type DeviceCodePromptCallback,
  EnvironmentCredential,
  type EnvironmentCredentialOptions,
  type ErrorResponse,
  getBearerTokenProvider,
  type GetBearerTokenProviderOptions,
  getDefaultAzureCredential,
  type GetTokenOptions,
  InteractiveBrowserCredential,
  type InteractiveBrowserCredentialInBrowserOptions,
  type InteractiveBrowserCredentialNodeOptions,
  type InteractiveCredentialOptions,
  ManagedIdentityCredential,
  type ManagedIdentityCredentialClientIdOptions,
  type ManagedIdentityCredentialObjectIdOptions,
  type ManagedIdentityCredentialResourceIdOptions,
  type MultiTenantTokenCredentialOptions,
  OnBehalfOfCredential,
  type OnBehalfOfCredentialAssertionOptions,
  type OnBehalfOfCredentialCertificateOptions,
  type OnBehalfOfCredentialOptions,
  type OnBehalfOfCredentialSecretOptions,
  serializeAuthenticationRecord,
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

// Options by the names of their interfaces, assigned one after another.
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

// Users who sign in.
const record: AuthenticationRecord = {
  authority: "login.microsoftonline.com",
  homeAccountId: "user.tenant",
  clientId: "client",
  tenantId: "tenant",
  username: "jo@contoso.com",
};
const forPeople: InteractiveCredentialOptions = { ...authority, authenticationRecord: record };
forPeople.disableAutomaticAuthentication = true;
const texts: BrowserCustomizationOptions = {
  browserCustomizationOptions: { successMessage: "Yes", errorMessage: "No" },
};
texts.browserCustomizationOptions = { errorMessage: "No" };
const forProgram: InteractiveBrowserCredentialNodeOptions = {
  ...forPeople,
  ...texts,
  tenantId: "tenant",
  clientId: "client",
  redirectUri: "http://localhost:8400",
  loginHint: "jo@contoso.com",
};
forProgram.browserCustomizationOptions = { successMessage: "Yes" };
const loginStyle: BrowserLoginStyle = "redirect";
const forPage: InteractiveBrowserCredentialInBrowserOptions = {
  ...forPeople,
  clientId: "client",
  tenantId: "tenant",
  redirectUri: () => "https://app.contoso.com",
  loginHint: "jo@contoso.com",
  loginStyle,
};
interface PageOptions extends InteractiveBrowserCredentialInBrowserOptions {
  appName: string;
}
const ownPage: PageOptions = { appName: "app", clientId: forPage.clientId, loginStyle: "popup" };
// Features that the package does not have, explicitly disabled.
const without = {
  ...forProgram,
  tokenCachePersistenceOptions: { enabled: false },
  brokerOptions: { enabled: false as const, parentWindowHandle: undefined },
};
const show: DeviceCodePromptCallback = ({ message, userCode, verificationUri }: DeviceCodeInfo) => {
  void [message.length, userCode.length, verificationUri.length];
};
const forDevice: DeviceCodeCredentialOptions = { ...forPeople, tenantId: "tenant", clientId: "client" };
forDevice.userPromptCallback = show;
const people = [
  new InteractiveBrowserCredential({}),
  new InteractiveBrowserCredential(forProgram),
  new InteractiveBrowserCredential(forPage),
  new InteractiveBrowserCredential(ownPage),
  new InteractiveBrowserCredential(without),
  new InteractiveBrowserCredential({ clientId: "client", browserCustomizationOptions: { successMessage: "Yes" } }),
  new DeviceCodeCredential(),
  new DeviceCodeCredential(forDevice),
  new DeviceCodeCredential({ userPromptCallback: (info) => void info.userCode }),
];

const forCode: AuthorizationCodeCredentialOptions = authority;
const forPipelines: AzurePipelinesCredentialOptions = authority;
const onBehalf = { tenantId: "tenant", clientId: "client", userAssertionToken: "token" };
const bySecret: OnBehalfOfCredentialSecretOptions = { ...onBehalf, clientSecret: "secret" };
const byCertificate: OnBehalfOfCredentialCertificateOptions = {
  ...onBehalf,
  certificatePath: "/path.pem",
  sendCertificateChain: true,
};
const byAssertion: OnBehalfOfCredentialAssertionOptions = {
  ...onBehalf,
  getAssertion: async () => await Promise.resolve("assertion"),
};
const byAny: OnBehalfOfCredentialOptions[] = [
  bySecret,
  { ...byCertificate, ...authority },
  { ...byAssertion, disableInstanceDiscovery: true },
];
credentials.push(
  ...people,
  new AuthorizationCodeCredential("tenant", "client", "secret", "code", "https://app.contoso.com"),
  new AuthorizationCodeCredential("tenant", "client", "secret", "code", "https://app.contoso.com", forCode),
  new AuthorizationCodeCredential("common", "client", "code", "https://app.contoso.com"),
  new AuthorizationCodeCredential("common", "client", "code", "https://app.contoso.com", forCode),
  new AzurePipelinesCredential("tenant", "client", "connection", "token"),
  new AzurePipelinesCredential("tenant", "client", "connection", "token", forPipelines),
  new OnBehalfOfCredential(bySecret),
  new OnBehalfOfCredential(byCertificate),
  new OnBehalfOfCredential(byAssertion),
  new OnBehalfOfCredential({ ...onBehalf, clientSecret: "secret", ...forTenants }),
);

// Managed identities and developer tools.
const byClientId: ManagedIdentityCredentialClientIdOptions = { clientId: "client", retryOptions: { maxRetries: 1 } };
const byObjectId: ManagedIdentityCredentialObjectIdOptions = { objectId: "object" };
const byResourceId: ManagedIdentityCredentialResourceIdOptions = { resourceId: "/subscriptions/a" };
const forTool: AzurePowerShellCredentialOptions & AzureDeveloperCliCredentialOptions = {
  tenantId: "tenant",
  processTimeoutInMs: 1000,
  additionallyAllowedTenants: ["*"],
};
const forCli: AzureCliCredentialOptions = { ...forTool, subscription: "subscription" };
const variables: DefaultAzureCredentialEnvVars[] = ["AZURE_TOKEN_CREDENTIALS", "AZURE_CLIENT_ID"];
const forClientId: DefaultAzureCredentialClientIdOptions = {
  ...forTool,
  managedIdentityClientId: "client",
  workloadIdentityClientId: "client",
  requiredEnvVars: variables,
};
const forResourceId: DefaultAzureCredentialResourceIdOptions = {
  managedIdentityResourceId: "/subscriptions/a",
  requiredEnvVars: "AZURE_TOKEN_CREDENTIALS",
};
credentials.push(
  new ManagedIdentityCredential(),
  new ManagedIdentityCredential("client"),
  new ManagedIdentityCredential("client", forAny),
  new ManagedIdentityCredential(byClientId),
  new ManagedIdentityCredential(byObjectId),
  new ManagedIdentityCredential(byResourceId),
  new AzureCliCredential(),
  new AzureCliCredential(forCli),
  new AzureDeveloperCliCredential(),
  new AzureDeveloperCliCredential(forTool),
  new AzurePowerShellCredential(),
  new AzurePowerShellCredential(forTool),
  new DefaultAzureCredential(forClientId),
  new DefaultAzureCredential(forResourceId),
);

async function signIn(credential: InteractiveBrowserCredential | DeviceCodeCredential): Promise<string> {
  try {
    return (await credential.getToken("scope")).token;
  } catch (error) {
    if (!(error instanceof AuthenticationRequiredError)) throw error;
    const { scopes, getTokenOptions, message, cause } = error;
    const again: AuthenticationRequiredErrorOptions = { scopes, message, cause };
    again.scopes.push("another");
    if (getTokenOptions) again.getTokenOptions = getTokenOptions;
    const signedIn = await credential.authenticate(error.scopes, error.getTokenOptions);
    if (!signedIn) throw new AuthenticationRequiredError(again);
    const { username, tenantId } = deserializeAuthenticationRecord(serializeAuthenticationRecord(signedIn));
    return `${username} ${tenantId}`;
  }
}

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
      const codes: number[] = response?.errorCodes ?? [];
      return `${error.name} ${error.statusCode} ${response?.error} ${response?.errorDescription} ${codes[0]}
        ${response?.correlationId} ${response?.timestamp} ${response?.traceId}`;
    }
    throw error;
  }
}

void [credentials.map(main), people.map(signIn), configurations, byAny];
