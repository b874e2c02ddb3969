/**
 * For tests, yours and ours: a simulated Microsoft Entra, simulated machines of Azure, a clock that stands still until it is moved, and a
 * credential that holds one token. They need no network and work on every runtime.
 *
 * @example Code that gets a token, tested without a cloud
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
export { createEntra, type Entra } from "./entra.ts";
export type { EntraBrowser } from "./browser.ts";
export type { EntraApp, EntraFederatedCredential, EntraOptions, EntraSecret, EntraUser } from "./entra_options.ts";
export type { EntraFault, EntraFaultAnswer, FaultAnswer, FaultName } from "./faults.ts";
export type { EntraRequest, RecordedRequest } from "./request_record.ts";
export type { SimulatedService } from "./simulated_service.ts";
export type {
  Machine,
  MachineClock,
  MachineCredentialOptions,
  MachineFault,
  MachineOptions,
  MachineRuntime,
  SimulatedIdentity,
} from "./machine_options.ts";
export { createVirtualMachine, type VirtualMachineOptions } from "./virtual_machine.ts";
export { createContainerInstance } from "./container_instance.ts";
export { createAppService } from "./app_service.ts";
export { type ArcServerOptions, createArcServer } from "./arc_server.ts";
export { createServiceFabricNode, type ServiceFabricNodeOptions } from "./service_fabric.ts";
export { createAzureMlCompute } from "./azure_ml.ts";
export { type CloudShellOptions, createCloudShell } from "./cloud_shell.ts";
export { type AksProxy, type AksProxyOptions, createAksProxy } from "./aks_proxy.ts";
export { type AzurePipelines, type AzurePipelinesOptions, createAzurePipelines } from "./azure_pipelines.ts";
export { createFakeClock, type FakeClock } from "./fake_clock.ts";
export { StaticCredential, type StaticCredentialOptions } from "./static_credential.ts";
export type { AbortSignalLike, AccessToken, GetTokenOptions, TokenCredential } from "../token_credential.ts";
