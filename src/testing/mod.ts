/**
 * Test doubles for code that acquires tokens: a simulated Microsoft Entra, simulated Azure machines, a fake clock, and
 * a credential with a fixed token. They need no network and work on every runtime.
 *
 * @example Test code that acquires a token
 * ```ts
 * import { DefaultAzureCredential } from "@azweb/identity";
 * import { createEntra } from "@azweb/identity/testing";
 * import assert from "node:assert/strict";
 *
 * const tenantId = "11111111-2222-3333-4444-555555555555";
 * const entra = createEntra({ apps: [{ tenantId, clientId: "my-app", secrets: ["my-secret"] }] });
 * const env = { AZURE_TENANT_ID: tenantId, AZURE_CLIENT_ID: "my-app", AZURE_CLIENT_SECRET: "my-secret" };
 *
 * const credential = new DefaultAzureCredential({ env, fetch: entra.fetch });
 * const { token } = await credential.getToken("https://vault.azure.net/.default");
 * assert.equal((await entra.verify(token)).appid, "my-app");
 * ```
 *
 * @module
 */
export { createEntra, type Entra } from "./entra/entra.ts";
export type { EntraBrowser } from "./entra/browser.ts";
export type {
  EntraApp,
  EntraFederatedCredential,
  EntraOptions,
  EntraSecret,
  EntraUser,
} from "./entra/entra_options.ts";
export type { EntraFault, EntraFaultResponse } from "./entra/service_error.ts";
export type { FaultName, FaultResponse, MachineFault } from "./faults.ts";
export type { RecordedRequest, SimulatedService } from "./simulated_service.ts";
export type {
  Machine,
  MachineClock,
  MachineCredentialOptions,
  MachineOptions,
  MachineRuntime,
  SimulatedIdentity,
} from "./machines/machine_options.ts";
export { createVirtualMachine, type VirtualMachineOptions } from "./machines/virtual_machine.ts";
export { createContainerInstance } from "./machines/container_instance.ts";
export { createAppService } from "./machines/app_service.ts";
export { type ArcServerOptions, createArcServer } from "./machines/arc_server.ts";
export { createServiceFabricNode, type ServiceFabricNodeOptions } from "./machines/service_fabric.ts";
export { createAzureMlCompute } from "./machines/azure_ml.ts";
export { type CloudShellOptions, createCloudShell } from "./machines/cloud_shell.ts";
export { type AksProxy, type AksProxyOptions, createAksProxy } from "./machines/aks_proxy.ts";
export { type AzurePipelines, type AzurePipelinesOptions, createAzurePipelines } from "./entra/azure_pipelines.ts";
export { createAws } from "./platforms/aws.ts";
export { createGitHubActions } from "./platforms/github_actions.ts";
export { createGitLab, type GitLabOptions } from "./platforms/gitlab.ts";
export { createGoogleCloud } from "./platforms/google_cloud.ts";
export type { PlatformOptions, SimulatedPlatform } from "./platforms/platform.ts";
export { createVercel } from "./platforms/vercel.ts";
export { createFakeClock, type FakeClock } from "./fake_clock.ts";
export { StaticCredential, type StaticCredentialOptions } from "./static_credential.ts";
export type { AbortSignalLike, AccessToken, GetTokenOptions, TokenCredential } from "../token_credential.ts";
