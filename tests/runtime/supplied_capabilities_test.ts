// Footnote ¹ of the README's table of credentials: `options.runtime` and `localFetch` supply the capabilities that a
// runtime lacks.
import {
  AzureCliCredential,
  AzureDeveloperCliCredential,
  AzurePowerShellCredential,
  ClientCertificateCredential,
  DefaultAzureCredential,
  EnvironmentCredential,
  InteractiveBrowserCredential,
  ManagedIdentityCredential,
  type TokenCredential,
  WorkloadIdentityCredential,
} from "@azweb/identity";
import type { RuntimeOverrides } from "@azweb/identity/runtime";
import {
  createAksProxy,
  createArcServer,
  createEntra,
  createServiceFabricNode,
  createVirtualMachine,
} from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import { CERTIFICATE, KEY } from "../support/certificates/certificates.ts";
import { createService, SCOPE, TENANT } from "../support/service.ts";
import { readShown, userAnswer } from "../support/sign_in/sign_in.ts";
import { createWorkload } from "../support/workload.ts";

const CLIENT = "99999999-8888-7777-6666-555555555555";
const IN_AN_HOUR = Math.floor(Date.now() / 1000) + 3600;
const CERTIFICATE_PATH = "/secrets/app.pem";

/** Returns options of a credential whose tool prints this output. */
function tool(output: object) {
  const stdout = JSON.stringify(output);
  const run: RuntimeOverrides["run"] = () => Promise.resolve({ code: 0, stdout, stderr: "" });
  return { env: { PATH: "/tools" }, cache: false, runtime: { platform: "linux", run } } as const;
}

/** Returns options of a credential whose certificate is in a file. */
function certificateFile() {
  const { fetch } = createEntra({ apps: [{ tenantId: TENANT, clientId: CLIENT, certificates: [CERTIFICATE] }] });
  function readTextFile(path: string): Promise<string> {
    assert.equal(path, CERTIFICATE_PATH);
    return Promise.resolve(CERTIFICATE + KEY);
  }
  const env = {
    AZURE_TENANT_ID: TENANT,
    AZURE_CLIENT_ID: CLIENT,
    AZURE_CLIENT_CERTIFICATE_PATH: CERTIFICATE_PATH,
  };
  return { fetch, env, runtime: { readTextFile } } as const;
}

/** Returns a browser credential whose user signs in at once. */
function signIn(): TokenCredential {
  let nonce: string | undefined;
  let answer: ((request: Request) => Response | Promise<Response>) | undefined;
  return new InteractiveBrowserCredential({
    tenantId: TENANT,
    clientId: CLIENT,
    env: {},
    fetch: createService(() => userAnswer({ nonce })).fetch,
    runtime: {
      listen(handler) {
        answer = handler;
        return Promise.resolve({ port: 4711, close() {} });
      },
      async openUrl(url) {
        const shown = readShown(url);
        ({ nonce } = shown);
        await answer!(new Request(`${shown.redirectUri}?code=a-code&state=${shown.state}`));
      },
    },
  });
}

const AZ = { accessToken: "a-token", expires_on: IN_AN_HOUR };

const CREDENTIALS: Readonly<Record<string, () => TokenCredential | Promise<TokenCredential>>> = {
  "AzureCliCredential with run": () => new AzureCliCredential(tool(AZ)),
  "AzurePowerShellCredential with run": () =>
    new AzurePowerShellCredential(tool({ token: "a-token", expiresOn: IN_AN_HOUR })),
  "AzureDeveloperCliCredential with run": () =>
    new AzureDeveloperCliCredential(tool({ token: "a-token", expiresOn: new Date(IN_AN_HOUR * 1000).toISOString() })),
  "DefaultAzureCredential with run": () =>
    new DefaultAzureCredential({ ...tool(AZ), env: { PATH: "/tools", AZURE_TOKEN_CREDENTIALS: "dev" } }),
  "ClientCertificateCredential with readTextFile": () =>
    new ClientCertificateCredential(TENANT, CLIENT, CERTIFICATE_PATH, certificateFile()),
  "EnvironmentCredential with readTextFile": () => new EnvironmentCredential(certificateFile()),
  "WorkloadIdentityCredential with readTextFile": async () =>
    new WorkloadIdentityCredential((await createWorkload()).options),
  "WorkloadIdentityCredential with readTextFile and tlsFetch": async () => {
    const { clock, entra, env, files } = await createWorkload();
    const { options } = createAksProxy({ fetch: entra.fetch, clock, env, files: Object.fromEntries(files) });
    return new WorkloadIdentityCredential({ ...options, enableAzureProxy: true });
  },
  "ManagedIdentityCredential with localFetch": () => new ManagedIdentityCredential(createVirtualMachine().options),
  "ManagedIdentityCredential with localFetch and readTextFile": () =>
    new ManagedIdentityCredential(createArcServer().options),
  "ManagedIdentityCredential with tlsFetch": () => new ManagedIdentityCredential(createServiceFabricNode().options),
  "DefaultAzureCredential with localFetch": () => new DefaultAzureCredential(createVirtualMachine().options),
  "InteractiveBrowserCredential with listen": signIn,
};

for (const [name, create] of Object.entries(CREDENTIALS)) {
  test(`${name} gets a token`, async () => {
    const { token } = await (await create()).getToken(SCOPE) ?? assert.fail("There is no token");
    assert.notEqual(token, "");
  });
}
