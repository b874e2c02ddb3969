// Options with the types of `@azure/identity` are accepted by every credential that both packages have. Type-checked by
// types_test.ts, never run.
import type * as theirs from "@azure/identity";
import * as ours from "@azweb/identity";

declare const forApp: theirs.AuthorizationCodeCredentialOptions;
declare const forAssertion: theirs.ClientAssertionCredentialOptions;
declare const forCertificate: theirs.ClientCertificateCredentialOptions;
declare const forCli: theirs.AzureCliCredentialOptions;
declare const forDefault: theirs.DefaultAzureCredentialOptions;
declare const forDefaultClientId: theirs.DefaultAzureCredentialClientIdOptions;
declare const forDefaultResourceId: theirs.DefaultAzureCredentialResourceIdOptions;
declare const forDeveloperCli: theirs.AzureDeveloperCliCredentialOptions;
declare const forDevice: theirs.DeviceCodeCredentialOptions;
declare const forEnvironment: theirs.EnvironmentCredentialOptions;
declare const forMachine: theirs.TokenCredentialOptions;
declare const forMachineClientId: theirs.ManagedIdentityCredentialClientIdOptions;
declare const forMachineObjectId: theirs.ManagedIdentityCredentialObjectIdOptions;
declare const forMachineResourceId: theirs.ManagedIdentityCredentialResourceIdOptions;
declare const forPage: theirs.InteractiveBrowserCredentialInBrowserOptions;
declare const forPipelines: theirs.AzurePipelinesCredentialOptions;
declare const forPowerShell: theirs.AzurePowerShellCredentialOptions;
declare const forProgram: theirs.InteractiveBrowserCredentialNodeOptions;
declare const forSecret: theirs.ClientSecretCredentialOptions;
declare const forUser: theirs.UsernamePasswordCredentialOptions;
declare const forVisualStudio: theirs.VisualStudioCodeCredentialOptions;
declare const forWorkload: theirs.WorkloadIdentityCredentialOptions;
declare const pem: theirs.ClientCertificateCredentialPEMConfiguration;
declare const onBehalf: theirs.OnBehalfOfCredentialOptions;
declare const onBehalfBySecret: theirs.OnBehalfOfCredentialSecretOptions & theirs.MultiTenantTokenCredentialOptions;
declare const onBehalfByCertificate:
  & theirs.OnBehalfOfCredentialCertificateOptions
  & theirs.MultiTenantTokenCredentialOptions;
declare const onBehalfByAssertion:
  & theirs.OnBehalfOfCredentialAssertionOptions
  & theirs.MultiTenantTokenCredentialOptions;
declare const credential: theirs.TokenCredential;

type Name = Extract<keyof typeof theirs & keyof typeof ours, `${string}Credential`>;

// TypeScript reports which one is missing.
void ({
  AuthorizationCodeCredential: [
    new ours.AuthorizationCodeCredential("tenant", "client", "secret", "code", "http://localhost", forApp),
    new ours.AuthorizationCodeCredential("tenant", "client", "code", "http://localhost", forApp),
  ],
  AzureCliCredential: new ours.AzureCliCredential(forCli),
  AzureDeveloperCliCredential: new ours.AzureDeveloperCliCredential(forDeveloperCli),
  AzurePipelinesCredential: new ours.AzurePipelinesCredential("tenant", "client", "connection", "token", forPipelines),
  AzurePowerShellCredential: new ours.AzurePowerShellCredential(forPowerShell),
  ChainedTokenCredential: new ours.ChainedTokenCredential(credential),
  ClientAssertionCredential: new ours.ClientAssertionCredential(
    "tenant",
    "client",
    () => Promise.resolve("assertion"),
    forAssertion,
  ),
  ClientCertificateCredential: new ours.ClientCertificateCredential("tenant", "client", pem, forCertificate),
  ClientSecretCredential: new ours.ClientSecretCredential("tenant", "client", "secret", forSecret),
  DefaultAzureCredential: [
    new ours.DefaultAzureCredential(forDefault),
    new ours.DefaultAzureCredential(forDefaultClientId),
    new ours.DefaultAzureCredential(forDefaultResourceId),
  ],
  DeviceCodeCredential: new ours.DeviceCodeCredential(forDevice),
  EnvironmentCredential: new ours.EnvironmentCredential(forEnvironment),
  InteractiveBrowserCredential: [
    new ours.InteractiveBrowserCredential(forProgram),
    new ours.InteractiveBrowserCredential(forPage),
  ],
  ManagedIdentityCredential: [
    new ours.ManagedIdentityCredential("client", forMachine),
    new ours.ManagedIdentityCredential(forMachineClientId),
    new ours.ManagedIdentityCredential(forMachineObjectId),
    new ours.ManagedIdentityCredential(forMachineResourceId),
  ],
  OnBehalfOfCredential: [
    new ours.OnBehalfOfCredential(onBehalf),
    new ours.OnBehalfOfCredential(onBehalfBySecret),
    new ours.OnBehalfOfCredential(onBehalfByCertificate),
    new ours.OnBehalfOfCredential(onBehalfByAssertion),
  ],
  VisualStudioCodeCredential: new ours.VisualStudioCodeCredential(forVisualStudio),
  UsernamePasswordCredential: new ours.UsernamePasswordCredential("tenant", "client", "user", "password", forUser),
  WorkloadIdentityCredential: new ours.WorkloadIdentityCredential(forWorkload),
} satisfies Record<Exclude<Name, "getDefaultAzureCredential">, ours.TokenCredential | ours.TokenCredential[]>);
