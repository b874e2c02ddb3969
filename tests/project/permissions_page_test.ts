// Runs on: deno
// The table of docs/permissions.md: each row lists all variables that the credential needs, and no others.
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

/** Variables that are read after the others, so that an error that names the others does not name them. */
const LATER: readonly string[] = ["SYSTEM_OIDCREQUESTURI"];

const page = await Deno.readTextFile(`${ROOT}docs/permissions.md`);
const rows = [...page.matchAll(/^\| `(\w+Credential)` \| `([A-Z_,]+)` \|/gm)].map(([, name, variables]) =>
  [name!, variables!.split(",").sort()] as const
);

/** Returns the variables that the error of a credential names in `--allow-env`. */
async function missingVariables(name: string, flags: string[]): Promise<string[]> {
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
  test(`${name} needs the variables of its row and no others`, async () => {
    assert.deepEqual(await missingVariables(name, []), variables.filter((variable) => !LATER.includes(variable)));
    assert.deepEqual(await missingVariables(name, [`--allow-env=${variables.join(",")}`]), []);
  });
}
