// An option may be `undefined`, even in projects with exact optional property types: `{ fetch: proxy?.fetch }`.
// Type-checked by types_test.ts, never run.
import {
  type AuthorityValidationOptions,
  type ClientAssertionCredentialOptions,
  ClientCertificateCredential,
  type ClientCertificateCredentialOptions,
  ClientSecretCredential,
  type ClientSecretCredentialOptions,
  type CredentialOptions,
  DefaultAzureCredential,
  type DefaultAzureCredentialOptions,
  type EnvironmentCredentialOptions,
  getBearerTokenProvider,
  type GetBearerTokenProviderOptions,
  type GetTokenOptions,
  type InteractiveBrowserCredentialNodeOptions,
  type ManagedIdentityCredentialClientIdOptions,
  type MultiTenantTokenCredentialOptions,
  type RetryOptions,
  type Runtime,
  type TokenCredentialOptions,
  type UsernamePasswordCredentialOptions,
  type WorkloadIdentityCredentialOptions,
} from "@azweb/identity";

/** All members of the options, each of them `undefined`. */
type Undefined<Options> = { [Name in keyof Options]-?: undefined };

declare const none: Undefined<CredentialOptions>;
declare const noneForCertificate: Undefined<ClientCertificateCredentialOptions>;
declare const noneForBrowser: Undefined<InteractiveBrowserCredentialNodeOptions>;
declare const noneForMachine: Undefined<ManagedIdentityCredentialClientIdOptions>;
declare const noneForWorkload: Undefined<WorkloadIdentityCredentialOptions>;
declare const noneForRetries: Undefined<RetryOptions>;
declare const noneForCall: Undefined<GetTokenOptions>;
declare const noneForProvider: Undefined<GetBearerTokenProviderOptions>;

declare const noneOfRuntime: Undefined<Runtime>;

const all: CredentialOptions[] = [
  none,
  none satisfies AuthorityValidationOptions,
  none satisfies ClientAssertionCredentialOptions,
  noneForCertificate satisfies ClientCertificateCredentialOptions,
  none satisfies ClientSecretCredentialOptions,
  none satisfies DefaultAzureCredentialOptions,
  none satisfies EnvironmentCredentialOptions,
  noneForBrowser satisfies InteractiveBrowserCredentialNodeOptions,
  noneForMachine satisfies ManagedIdentityCredentialClientIdOptions,
  noneForWorkload satisfies WorkloadIdentityCredentialOptions,
  none satisfies MultiTenantTokenCredentialOptions,
  none satisfies TokenCredentialOptions,
  none satisfies UsernamePasswordCredentialOptions,
  { retryOptions: noneForRetries },
  { runtime: noneOfRuntime },
];

const credential = new DefaultAzureCredential(none);
void new ClientSecretCredential("tenant", "client", "secret", { ...none, retryOptions: noneForRetries });
void new ClientCertificateCredential("tenant", "client", { certificate: "pem", certificatePassword: undefined });
void new ClientCertificateCredential("tenant", "client", { certificatePath: "/a.pem", certificatePassword: undefined });
void credential.getToken("scope", noneForCall);
void credential.getToken("scope", { requestOptions: { timeout: undefined } });
void getBearerTokenProvider(credential, "scope", noneForProvider);
void all;
