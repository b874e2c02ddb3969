// Runs on: deno
// The table of docs/permissions.md: each list of variables is what the credential needs, and enough.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ROOT, runWithFlags } from "../support/permissions.ts";

const TENANT = "11111111-2222-3333-4444-555555555555";

/** The arguments of each constructor. */
const ARGUMENTS: Readonly<Record<string, readonly unknown[]>> = {
  ClientSecretCredential: [TENANT, "client", "secret"],
  ClientAssertionCredential: [TENANT, "client"],
  ClientCertificateCredential: [TENANT, "client", "/app.pem"],
  OnBehalfOfCredential: [{ tenantId: TENANT, clientId: "client", clientSecret: "secret", userAssertionToken: "token" }],
  EnvironmentCredential: [],
  WorkloadIdentityCredential: [],
  ManagedIdentityCredential: [],
  AzurePipelinesCredential: [TENANT, "client", "connection", "token"],
  AzureCliCredential: [],
  AzurePowerShellCredential: [],
  AzureDeveloperCliCredential: [],
  InteractiveBrowserCredential: [{ tenantId: TENANT, clientId: "client" }],
  DeviceCodeCredential: [{ tenantId: TENANT, clientId: "client" }],
  AuthorizationCodeCredential: [TENANT, "client", "code", "https://my.app/signed-in"],
  UsernamePasswordCredential: [TENANT, "client", "user", "password"],
};

/** Read after the other variables, so that no error names both. */
const LATER: readonly string[] = ["SYSTEM_OIDCREQUESTURI"];

const page = await Deno.readTextFile(`${ROOT}docs/permissions.md`);
const rows = [...page.matchAll(/^\| `(\w+Credential)` \| `([A-Z_,]+)` \|/gm)].map(([, name, variables]) =>
  [name!, variables!.split(",").sort()] as const
);

/** Returns the variables that the error of a credential asks for. */
async function wanted(name: string, flags: string[]): Promise<string[]> {
  const callback = name === "ClientAssertionCredential" ? ', () => Promise.resolve("a.b.c")' : "";
  const given = JSON.stringify(ARGUMENTS[name]).slice(1, -1);
  const message = await runWithFlags(
    ["--no-prompt", ...flags],
    `
    import { ${name} } from "@azweb/identity";
    const error = await new ${name}(${given}${callback}).getToken("https://vault.azure.net/.default").catch((e) => e);
    console.log(error.message);
  `,
  );
  return /--allow-env=([A-Z_,]+)/.exec(message)?.[1]?.split(",").sort() ?? [];
}

test("each credential has a row", () => {
  assert.deepEqual(rows.map(([name]) => name).sort(), Object.keys(ARGUMENTS).sort());
});

for (const [name, variables] of rows) {
  test(`${name} needs ${variables.length} variables`, async () => {
    assert.deepEqual(await wanted(name, []), variables.filter((variable) => !LATER.includes(variable)));
    assert.deepEqual(await wanted(name, [`--allow-env=${variables.join(",")}`]), []);
  });
}
