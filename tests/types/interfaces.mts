// The bindings of a Worker as `wrangler types` writes them: an interface, which has no index signature.
// Type-checked by types_test.ts, and never run.
import { DefaultAzureCredential, EnvironmentCredential } from "@azweb/identity";
import { fromGitHubActions, fromPlatform } from "@azweb/identity/federation";
import { createAksProxy, createEntra, createVirtualMachine } from "@azweb/identity/testing";
import { createWebSignIn } from "@azweb/identity/web-sign-in";

interface Env {
  readonly AZURE_TENANT_ID: string;
  readonly AZURE_CLIENT_ID: "a-client-id";
  readonly KEY_VALUE: { get(key: string): Promise<string | null> };
  readonly COUNT?: number;
}

declare const env: Env;

const credentials = [new DefaultAzureCredential({ env }), new EnvironmentCredential({ env })];
const sources = [fromGitHubActions({ env }), fromPlatform({ env })];

const signIn = createWebSignIn({
  env,
  tenantId: env.AZURE_TENANT_ID,
  clientId: env.AZURE_CLIENT_ID,
  clientSecret: "a-secret",
  redirectUri: "https://my.app/signed-in",
  scopes: "https://graph.microsoft.com/User.Read",
  sealingKey: "32 bytes in base64",
});

interface Variables {
  readonly IDENTITY_HEADER: string;
}

declare const variables: Variables;

interface Claims {
  readonly roles: readonly string[];
}

interface Members {
  readonly expires_in: number;
}

declare const claims: Claims;
declare const response: Members;

const machines = [createVirtualMachine({ env: variables, response }), createAksProxy({ env: variables, fetch })];
const entra = createEntra({ apps: [{ tenantId: "contoso.com", clientId: "my-app", claims }] });

console.log(credentials, sources, signIn, machines, entra);
