/**
 * Microsoft Entra ID tokens on every JavaScript runtime, from Web APIs only: the credentials of `@azure/identity`, by
 * the same names.
 *
 * @example
 * ```ts no-eval
 * import { DefaultAzureCredential } from "@azweb/identity";
 *
 * const credential = new DefaultAzureCredential();
 * const { token } = await credential.getToken("https://graph.microsoft.com/.default");
 * ```
 *
 * @module
 */

export type { AbortSignalLike, AccessToken, GetTokenOptions, TokenCredential } from "./src/token_credential.ts";
export type { AssertionRequest } from "./src/assertion_source.ts";
export type { TokenCache, TokenSet } from "./src/token_cache.ts";
export type {
  AppCredentialOptions,
  AuthorityValidationOptions,
  CredentialOptions,
  DefaultAzureCredentialName,
  DeveloperToolCredentialOptions,
  InteractiveCredentialOptions,
  MultiTenantTokenCredentialOptions,
  RetryOptions,
  TokenCredentialOptions,
} from "./src/options.ts";
export type { CredentialExplanation, Explanation } from "./src/credential_explanation.ts";
export type { Log, LogEvent } from "./src/log.ts";
export type {
  CommandOutput,
  LoopbackServer,
  RunOptions,
  Runtime,
  RuntimeOverrides,
  TlsTrust,
} from "./src/runtime/runtime.ts";
export {
  AggregateAuthenticationError,
  AggregateAuthenticationErrorName,
  AuthenticationError,
  type AuthenticationErrorDetails,
  AuthenticationErrorName,
  AuthenticationRequiredError,
  AuthenticationRequiredErrorName,
  type AuthenticationRequiredErrorOptions,
  CredentialUnavailableError,
  CredentialUnavailableErrorName,
  type CredentialUnavailableErrorOptions,
  type ErrorResponse,
  type UnavailableOutcome,
} from "./src/errors.ts";
export { type IdentityLogger, logger, useIdentityPlugin, VisualStudioCodeCredential } from "./src/incumbent_exports.ts";
export { AzureAuthorityHosts } from "./src/authority_hosts.ts";
export { getBearerTokenProvider, type GetBearerTokenProviderOptions } from "./src/bearer_token_provider.ts";
export {
  type AuthenticationRecord,
  deserializeAuthenticationRecord,
  serializeAuthenticationRecord,
} from "./src/authentication_record.ts";
export {
  AgentIdentityCredential,
  type AgentIdentityCredentialOptions,
} from "./src/credentials/agent_identity_credential.ts";
export {
  AuthorizationCodeCredential,
  type AuthorizationCodeCredentialOptions,
} from "./src/credentials/authorization_code_credential.ts";
export { AzureCliCredential, type AzureCliCredentialOptions } from "./src/credentials/azure_cli_credential.ts";
export {
  AzureDeveloperCliCredential,
  type AzureDeveloperCliCredentialOptions,
} from "./src/credentials/azure_developer_cli_credential.ts";
export {
  AzurePipelinesCredential,
  type AzurePipelinesCredentialOptions,
} from "./src/credentials/azure_pipelines_credential.ts";
export {
  AzurePowerShellCredential,
  type AzurePowerShellCredentialOptions,
} from "./src/credentials/azure_powershell_credential.ts";
export { ChainedTokenCredential } from "./src/credentials/chained_token_credential.ts";
export {
  ClientAssertionCredential,
  type ClientAssertionCredentialOptions,
} from "./src/credentials/client_assertion_credential.ts";
export {
  type CertificateConfiguration,
  ClientCertificateCredential,
  type ClientCertificateCredentialOptions,
  type ClientCertificateCredentialPEMConfiguration,
  type ClientCertificateKey,
  type ClientCertificatePEMCertificate,
  type ClientCertificatePEMCertificatePath,
  type ClientCertificateSigner,
  type PublicCertificate,
} from "./src/credentials/client_certificate_credential.ts";
export {
  ClientSecretCredential,
  type ClientSecretCredentialOptions,
} from "./src/credentials/client_secret_credential.ts";
export {
  DefaultAzureCredential,
  type DefaultAzureCredentialClientIdOptions,
  type DefaultAzureCredentialEnvVars,
  type DefaultAzureCredentialOptions,
  type DefaultAzureCredentialResourceIdOptions,
  getDefaultAzureCredential,
} from "./src/credentials/default_azure_credential.ts";
export {
  DeviceCodeCredential,
  type DeviceCodeCredentialOptions,
  type DeviceCodeInfo,
  type DeviceCodePromptCallback,
} from "./src/credentials/device_code_credential.ts";
export { EnvironmentCredential, type EnvironmentCredentialOptions } from "./src/credentials/environment_credential.ts";
export {
  type BrowserCustomizationOptions,
  type BrowserLoginStyle,
  InteractiveBrowserCredential,
  type InteractiveBrowserCredentialInBrowserOptions,
  type InteractiveBrowserCredentialNodeOptions,
  type InteractiveBrowserCredentialOptions,
} from "./src/credentials/interactive_browser_credential.ts";
export {
  ManagedIdentityCredential,
  type ManagedIdentityCredentialClientIdOptions,
  type ManagedIdentityCredentialObjectIdOptions,
  type ManagedIdentityCredentialOptions,
  type ManagedIdentityCredentialResourceIdOptions,
} from "./src/credentials/managed_identity_credential.ts";
export {
  OnBehalfOfCredential,
  type OnBehalfOfCredentialAssertionOptions,
  type OnBehalfOfCredentialCertificateOptions,
  type OnBehalfOfCredentialOptions,
  type OnBehalfOfCredentialSecretOptions,
  type OnBehalfOfCredentialUserOptions,
} from "./src/credentials/on_behalf_of_credential.ts";
export {
  UsernamePasswordCredential,
  type UsernamePasswordCredentialOptions,
} from "./src/credentials/username_password_credential.ts";
export {
  WorkloadIdentityCredential,
  type WorkloadIdentityCredentialOptions,
} from "./src/credentials/workload_identity_credential.ts";
