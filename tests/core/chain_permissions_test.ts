// Runs on: deno
// The effect of a missing permission on a chain: it never uses the developer's account if variables, options or files
// configure a credential.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { runWithFlags as run } from "../support/permissions.ts";

const APP = { AZURE_TENANT_ID: "tenant", AZURE_CLIENT_ID: "client", AZURE_CLIENT_SECRET: "secret" };
const TOKEN = '{"accessToken":"of az","expires_on":9000000000,"tenant":"t"}';
const TOOL_VARIABLES = ["PATH", "HOME", "AZURE_CONFIG_DIR"];

const CODE = `
  import { DefaultAzureCredential } from "@azweb/identity";
  try {
    console.log((await new DefaultAzureCredential().getToken("https://vault.azure.net/.default")).token);
  } catch (error) {
    console.log(error.name + " / " + error.message);
  }
`;

/** Returns the flag that a message names. */
function flagIn(message: string): string {
  return /--allow-[a-z]+=\S*[^\s,]/.exec(message)?.[0] ?? "none";
}

describe("with a signed-in az that may be run", () => {
  let folder = "";
  let flags: string[] = [];
  let env: Record<string, string> = {};

  before(async () => {
    folder = await Deno.makeTempDir();
    await Deno.writeTextFile(`${folder}/az`, `#!/bin/sh\necho '${TOKEN}'\n`, { mode: 0o755 });
    await Deno.mkdir(`${folder}/.azure`);
    await Deno.writeTextFile(`${folder}/.azure/azureProfile.json`, '{"subscriptions":[{"id":"s"}]}');
    flags = [`--allow-run=${folder}/az`, `--allow-read=${folder}`];
    env = { PATH: folder, HOME: folder };
  });

  after(() => Deno.remove(folder, { recursive: true }));

  test("az is used if nothing else is configured", async () => {
    assert.equal(await run([...flags, "--allow-env", "--allow-net=169.254.169.254"], CODE, env), "of az");
  });

  test("az is used if only the probe is not permitted, so that the managed identity is absent", async () => {
    assert.equal(await run([...flags, "--allow-env"], CODE, env), "of az");
  });

  test("the error table names the flag that detects the agent of Azure Arc", async () => {
    const localFetch = "{ localFetch: () => Promise.reject(new TypeError()) }";
    const code = CODE.replace("new DefaultAzureCredential()", `new DefaultAzureCredential(${localFetch})`);
    assert.match(
      await run(["--allow-env"], code, { PATH: folder }),
      /→ To detect the agent of Azure Arc, run Deno with --allow-read=/,
    );
  });

  test("without --allow-net, the chain rejects with an error that names the flag for a service principal in the variables", async () => {
    assert.match(
      await run([...flags, "--allow-env"], CODE, { ...env, ...APP }),
      /^AuthenticationError \/ EnvironmentCredential: .*Run Deno with --allow-net=login\.microsoftonline\.com/,
    );
  });

  test("without --allow-net, the chain rejects with an error that names the flag on App Service", async () => {
    const machine = { IDENTITY_ENDPOINT: "http://127.0.0.1:9/msi/token", IDENTITY_HEADER: "x" };
    assert.match(
      await run([...flags, "--allow-env"], CODE, { ...env, ...machine }),
      /^AuthenticationError \/ ManagedIdentityCredential: .*Run Deno with --allow-net=127\.0\.0\.1:9/,
    );
  });

  test("without --allow-read, the chain rejects with an error that names the flag for a configured certificate or token file", async () => {
    const some = [`--allow-run=${folder}/az`, "--allow-env", "--allow-net"];
    const { AZURE_CLIENT_SECRET: _, ...id } = APP;
    assert.match(
      await run(some, CODE, { ...env, ...id, AZURE_CLIENT_CERTIFICATE_PATH: "/app.pem" }),
      /^AuthenticationError \/ EnvironmentCredential: .*Run Deno with --allow-read=\/app\.pem/,
    );
    assert.match(
      await run(some, CODE, { ...env, ...id, AZURE_FEDERATED_TOKEN_FILE: "/token" }),
      /^AuthenticationError \/ WorkloadIdentityCredential: .*Run Deno with --allow-read=\/token/,
    );
  });

  for (const missing of ["", ...Object.keys(APP), "AZURE_REGIONAL_AUTHORITY_NAME", "AZURE_AUTHORITY_HOST"]) {
    test(`with --allow-env without ${missing || "any variable"}, the chain rejects with an error that names everything that is missing`, async () => {
      const all = [...TOOL_VARIABLES, "AZURE_TOKEN_CREDENTIALS", ...Object.keys(APP), "AZURE_AUTHORITY_HOST"];
      const granted = missing === "" ? TOOL_VARIABLES : all.filter((name) => name !== missing);
      const output = await run([...flags, `--allow-env=${granted}`, "--allow-net"], CODE, { ...env, ...APP });
      assert.match(output, /^AuthenticationError \/ /);
      assert.match(output, /Set the option "env"/);
      const flag = flagIn(output);
      for (
        const name of ["AZURE_TENANT_ID", "AZURE_IDENTITY_DISABLE_MULTITENANTAUTH", missing || "IDENTITY_ENDPOINT"]
      ) {
        assert.ok(flag.includes(name), `${flag} lacks ${name}`);
      }
    });
  }

  test("the flag in the first error suffices for the whole chain", async () => {
    const first = await run(flags, CODE, env);
    assert.match(first, /^AuthenticationError \/ DefaultAzureCredential: /);
    const names = flagIn(first).replace("--allow-env=", "");
    assert.equal(await run([...flags, `--allow-env=${names},${TOOL_VARIABLES}`], CODE, env), "of az");
  });

  test("the first error names the hosts too, and no host that is permitted", async () => {
    const hosts = ["login.microsoftonline.com", "169.254.169.254"];
    for (const granted of [[], [hosts[0]!], [hosts[1]!], hosts]) {
      const net = granted.length > 0 ? [`--allow-net=${granted}`] : [];
      const missing = hosts.filter((host) => !granted.includes(host)).join();
      const output = await run([...flags, ...net], CODE, env);
      assert.equal(/ (--allow-net=.*)$/.exec(output)?.[1], missing ? `--allow-net=${missing}` : undefined, output);
    }
  });

  test("explain() says that the selection cannot be read", async () => {
    const code = `
      import { DefaultAzureCredential } from "@azweb/identity";
      const [first] = await new DefaultAzureCredential().explain();
      console.log(first.credential, first.state, first.detail);
    `;
    assert.match(
      await run(flags, code, env),
      /^DefaultAzureCredential fails Cannot read .*--allow-env=AZURE_TOKEN_CREDENTIALS,/,
    );
  });

  test("explain() says that the configured endpoint may not be reached, and that the probe is not permitted", async () => {
    const code = `
      import { DefaultAzureCredential } from "@azweb/identity";
      const { state, detail } = (await new DefaultAzureCredential().explain())[2];
      console.log(state, detail);
    `;
    const machine = { IDENTITY_ENDPOINT: "http://127.0.0.1:9/msi/token", IDENTITY_HEADER: "x" };
    assert.equal(
      await run([...flags, "--allow-env"], code, { ...env, ...machine }),
      'fails "127.0.0.1:9" cannot be reached: Run Deno with --allow-net=127.0.0.1:9',
    );
    assert.equal(
      await run([...flags, "--allow-env"], code, env),
      'absent "169.254.169.254" cannot be reached: Run Deno with --allow-net=169.254.169.254',
    );
  });

  test("explain() says that the token service may not be reached", async () => {
    const code = `
      import { DefaultAzureCredential } from "@azweb/identity";
      const [first] = await new DefaultAzureCredential().explain();
      console.log(first.credential, first.state, first.detail);
    `;
    assert.match(
      await run([...flags, "--allow-env"], code, { ...env, ...APP }),
      /^EnvironmentCredential fails "login\.microsoftonline\.com" cannot be reached: Run Deno with --allow-net=login/,
    );
  });
});

for (
  const credential of [
    'ClientSecretCredential("tenant", "client", "secret")',
    'ClientAssertionCredential("tenant", "client", () => Promise.resolve("a.b.c"))',
  ]
) {
  test(`${credential.split("(")[0]} requires every variable that it reads`, async () => {
    const output = await run(
      ["--allow-env=AZURE_AUTHORITY_HOST", "--allow-net"],
      `import * as identity from "@azweb/identity";
       const error = await new identity.${credential}.getToken("https://vault.azure.net/.default").catch((error) => error);
       console.log(error.name + " / " + error.message);`,
    );
    assert.match(output, /^AuthenticationError \/ /);
    assert.equal(
      flagIn(output),
      "--allow-env=AZURE_REGIONAL_AUTHORITY_NAME,AZURE_AUTHORITY_HOST,AZURE_IDENTITY_DISABLE_MULTITENANTAUTH",
    );
  });
}
