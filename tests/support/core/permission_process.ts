/**
 * A program that runs with Node's `--permission`. Its arguments are scenarios, and it prints the outcome of each as a
 * line.
 *
 * @module
 */
import {
  AzureCliCredential,
  ChainedTokenCredential,
  ClientCertificateCredential,
  ClientSecretCredential,
  DefaultAzureCredential,
  InteractiveBrowserCredential,
  ManagedIdentityCredential,
  WorkloadIdentityCredential,
} from "@azweb/identity";
import process from "node:process";

const TENANT = "11111111-2222-3333-4444-555555555555";
const CLIENT = "99999999-8888-7777-6666-555555555555";
const SCOPE = "https://storage.azure.com/.default";
/** A file that exists on every Unix, and that the program may not read. */
const PATH = "/etc/passwd";

const SCENARIOS: Readonly<Record<string, () => Promise<unknown>>> = {
  "token file": () =>
    new WorkloadIdentityCredential({ tenantId: TENANT, clientId: CLIENT, tokenFilePath: PATH, env: {} }).getToken(
      SCOPE,
    ),
  certificate: () => new ClientCertificateCredential(TENANT, CLIENT, PATH, { env: {} }).getToken(SCOPE),
  async explanation() {
    const variables = { AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT, AZURE_FEDERATED_TOKEN_FILE: PATH };
    return JSON.stringify(await new DefaultAzureCredential({ env: { ...variables, PATH: "/usr/bin" } }).explain());
  },
  machine: () =>
    new ChainedTokenCredential(
      new ManagedIdentityCredential({ env: {}, localFetch: () => Promise.reject(new Error("Unreachable")) }),
    ).getToken(SCOPE),
  tool: () => new AzureCliCredential({ env: { PATH: "/usr/bin" } }).getToken(SCOPE),
  network: () =>
    new ClientSecretCredential(TENANT, CLIENT, "a-secret", {
      env: {},
      authorityHost: "https://127.0.0.1:2",
      disableInstanceDiscovery: true,
      retryOptions: { maxRetries: 0 },
    }).getToken(SCOPE),
  browser: () => new InteractiveBrowserCredential({ tenantId: TENANT, clientId: CLIENT, env: {} }).getToken(SCOPE),
};

async function outcomeOf(scenario: string): Promise<string> {
  try {
    return String(await SCENARIOS[scenario]!());
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
}

for (const scenario of process.argv.slice(2)) {
  const outcome = await outcomeOf(scenario);
  // An error that Node throws outside of a promise would end the process here, before the outcome is printed.
  await new Promise((resolve) => setTimeout(resolve, 20));
  console.log(JSON.stringify([scenario, outcome]));
}
