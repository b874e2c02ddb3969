// Runs on: deno
// The Deno permissions that the developer tools need: errors name the exact flags, and there is no prompt. Each test
// runs its own process.
import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { COUNT_QUESTIONS, ROOT, runWithFlags } from "../support/permissions.ts";

let folder = "";
let env: Record<string, string> = {};

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "azweb-permissions-"));
  await mkdir(`${folder}/bin`);
  await mkdir(`${folder}/links`);
  await mkdir(`${folder}/home/.azure`, { recursive: true });
  const now = Math.floor(Date.now() / 1000);
  const outputs = {
    az: { accessToken: "of az", expires_on: now + 3600 },
    azd: { token: "of azd", expiresOn: new Date((now + 3600) * 1000).toISOString() },
    pwsh: { token: "of pwsh", expiresOn: now + 3600 },
  };
  for (const [name, output] of Object.entries(outputs)) {
    await writeFile(`${folder}/bin/${name}`, `#!/bin/sh\necho '${JSON.stringify(output)}'\n`);
    await chmod(`${folder}/bin/${name}`, 0o755);
  }
  await symlink("../bin/az", `${folder}/links/az`);
  await writeFile(`${folder}/home/.azure/azureProfile.json`, '{"subscriptions":[{"id":"s"}]}');
  env = { PATH: `${folder}/nothing:${folder}/bin`, HOME: `${folder}/home`, NO_COLOR: "1" };
});
after(() => rm(folder, { recursive: true }));

/** Returns the outcome of a credential and the number of permission prompts. */
async function outcomeOf(credential: string, flags: string[], more: Record<string, string> = {}): Promise<string> {
  return await runWithFlags(
    flags,
    `
    ${COUNT_QUESTIONS}
    const identity = await import("@azweb/identity");
    const { token, name, message } = await new identity.${credential}().getToken("https://vault.azure.net/.default")
      .catch((error) => error);
    console.log(token ?? name + " / " + message, "/", questions);
  `,
    { ...env, ...more },
  );
}

const RUN = "--allow-run=az";
const ENV = "--allow-env=PATH,HOME,AZURE_CONFIG_DIR";

for (
  const [credential, flags, token] of [
    ["AzureCliCredential", [RUN, ENV], "of az"],
    ["AzureCliCredential", [RUN, ENV, "--allow-read"], "of az"],
    ["AzureDeveloperCliCredential", ["--allow-run=azd", "--allow-env=PATH"], "of azd"],
    ["AzurePowerShellCredential", ["--allow-run=pwsh", "--allow-env=PATH"], "of pwsh"],
  ] as [string, string[], string][]
) {
  test(`${credential} works with ${flags.join(" ")}, without a prompt`, async () => {
    assert.equal(await outcomeOf(credential, flags), `${token} / 0`);
  });
}

test("a program that is a symbolic link needs no other permission", async () => {
  assert.equal(
    await outcomeOf("AzureCliCredential", [RUN, ENV], { PATH: `${folder}/nothing:${folder}/links` }),
    "of az / 0",
  );
});

for (
  const [credential, program, env, reason] of [
    ["AzureCliCredential", "az", ENV, 'Azure CLI: "az" cannot be started, or no folder of PATH has it'],
    [
      "AzureDeveloperCliCredential",
      "azd",
      "--allow-env=PATH",
      'Azure Developer CLI: "azd" cannot be started, or no folder of PATH has it',
    ],
    [
      "AzurePowerShellCredential",
      "pwsh",
      "--allow-env=PATH",
      'Azure PowerShell: "pwsh" or "powershell" cannot be started, or no folder of PATH has it',
    ],
  ] as const
) {
  const start = `CredentialUnavailableError / ${credential}: Cannot get a token from `;

  test(`the error of ${credential} names --allow-run=${program} if it is missing, and there is no prompt`, async () => {
    const message = await outcomeOf(credential, [env]);
    assert.ok(
      message.startsWith(`${start}${reason}: Run Deno with --allow-run=${program}, or install it, see `),
      message,
    );
    assert.match(message, / \/ 0$/);
  });

  test(`the error of ${credential} names ${env} and --allow-run=${program} if variables may not be read`, async () => {
    const message = await outcomeOf(credential, ["--deny-env", `--allow-run=${program}`]);
    assert.match(message, /: The variable PATH is not set, or cannot be read: Run Deno with --allow-env=/);
    assert.ok(message.endsWith(`: Run Deno with ${env} --allow-run=${program} / 0`), message);
    // One prompt for all variables in the lifetime of the process.
    assert.ok((await outcomeOf(credential, [`--allow-run=${program}`])).endsWith(` --allow-run=${program} / 1`));
  });
}

test("the error for a missing program names no flag", async () => {
  const message = await outcomeOf("AzureCliCredential", ["--allow-run", ENV], { PATH: `${folder}/nothing` });
  assert.match(message, /No folder of PATH has the program "az": Install it/);
});

test("the permission for another program is not sufficient", async () => {
  assert.match(await outcomeOf("AzureCliCredential", ["--allow-run=azd", ENV]), /Run Deno with --allow-run=az, /);
});

test("a program is stopped at its time limit with the permission to run only that program", async () => {
  await writeFile(`${folder}/links/azd`, "#!/bin/sh\ntrap '' TERM\nexec /bin/sleep 600\n");
  await chmod(`${folder}/links/azd`, 0o755);
  const output = await runWithFlags(
    ["--allow-run=azd", "--allow-env=PATH"],
    `
    import { AzureDeveloperCliCredential } from "@azweb/identity";
    const credential = new AzureDeveloperCliCredential({ processTimeoutInMs: 300 });
    await credential.getToken("a/.default").catch((error) => console.log(error.message));
  `,
    { ...env, PATH: `${folder}/links` },
  );
  // There is an output only because the program ends: nothing keeps its process alive.
  assert.match(output, /did not end within the 300 ms of "processTimeoutInMs", and was stopped/);
});

test("stopping a tool shows no prompt, not even in a terminal", async () => {
  await writeFile(`${folder}/links/azd`, "#!/bin/sh\nexec /bin/sleep 600\n");
  await chmod(`${folder}/links/azd`, 0o755);
  await writeFile(
    `${folder}/ask.ts`,
    `const { AzureDeveloperCliCredential } = await import("@azweb/identity");
    const credential = new AzureDeveloperCliCredential({ processTimeoutInMs: 300 });
    await credential.getToken("a/.default").catch((error) => console.log(error.message));`,
  );
  const flags = `--config='${ROOT}deno.json' --allow-run=azd --allow-env=PATH --allow-import --allow-read='${ROOT}'`;
  // A prompt in a terminal would wait for input, which never comes.
  const { stdout } = await new Deno.Command("script", {
    args: ["-qec", `'${Deno.execPath()}' run ${flags} '${folder}/ask.ts'`, "/dev/null"],
    env: { ...env, PATH: `${folder}/links:${Deno.env.get("PATH")}` },
    stdin: "null",
    signal: AbortSignal.timeout(240_000),
  }).output();
  const output = new TextDecoder().decode(stdout);
  assert.match(output, /did not end within the 300 ms/);
  assert.doesNotMatch(output, /Allow\?/);
});

test("the error names variables that can make a program load other code", async () => {
  const message = await outcomeOf("AzureCliCredential", [RUN, ENV], { LD_LIBRARY_PATH: `${folder}/bin` });
  assert.match(message, /could not be run: Deno starts a program with these variables only if it may run all programs/);
});

for (
  const [credential, flags] of [
    // The account is unknown, because the permission to read the profile of az is missing.
    ["AzureCliCredential", [RUN, ENV]],
    ["AzureDeveloperCliCredential", ["--allow-run=azd", "--allow-env=PATH"]],
    ["AzurePowerShellCredential", ["--allow-run=pwsh", "--allow-env=PATH"]],
  ] as const
) {
  test(`${credential}: a token of an unknown account is used only in this process, even with a shared cache`, async () => {
    const keys = () =>
      runWithFlags(
        [...flags],
        `
        import { ${credential} } from "@azweb/identity";
        const cache = new Map();
        for (let i = 0; i < 2; i++) await new ${credential}({ cache }).getToken("a/.default");
        console.log(JSON.stringify([...cache.keys()]));
      `,
        env,
      );
    const [first, second] = [await keys(), await keys()].map((text) => JSON.parse(text) as string[]);
    assert.deepEqual([first!.length, second!.length], [1, 1]);
    assert.notEqual(first![0], second![0]);
  });
}

// Cache keys, for a cache that several processes share

/** Starts a process for each set of variables, which gets a token with two credentials. Returns their cache keys. */
async function keysOf(flags: string[], ...processes: Record<string, string>[]): Promise<string[]> {
  const code = `
    ${COUNT_QUESTIONS}
    const { AzureCliCredential } = await import("@azweb/identity");
    const cache = new Map();
    // Delete the variables that come from the test run itself.
    const canReadAll = Deno.permissions.querySync({ name: "env" }).state === "granted";
    for (const name of canReadAll ? Object.keys(Deno.env.toObject()) : []) {
      if (/^(AZURE|AZD|ARM)_/.test(name) && !GIVEN.includes(name)) Deno.env.delete(name);
    }
    for (let n = 0; n < 2; n++) await new AzureCliCredential({ cache }).getToken("https://vault.azure.net/.default");
    console.log(JSON.stringify([[...cache.keys()], questions]));
  `;
  const keys: string[] = [];
  for (const variables of processes) {
    const given = `const GIVEN = ${JSON.stringify(Object.keys(variables))};`;
    const output = await runWithFlags([RUN, "--allow-read", ...flags], given + code, { ...env, ...variables });
    const [[key, ...others], questions] = JSON.parse(output);
    assert.deepEqual([others, questions], [[], 0]);
    keys.push(key);
  }
  return keys;
}

test("processes with the same account and equal variables share a token, others do not", async () => {
  const [first, second, other] = await keysOf(["--allow-env"], {}, {}, { AZURE_CLOUD_NAME: "AzureChinaCloud" });
  assert.equal(first, second);
  assert.notEqual(first, other);
});

for (
  const name of ["AZURE_CLIENT_SECRET", "AZURE_PASSWORD", "AZD_AUTH_KEY", "ARM_ACCESS_KEY", "AZURE_NEVER_HEARD_OF"]
) {
  test(`${name} may be a secret: no other process finds the token, and no cache key contains a digest of the value`, async () => {
    const [first, second] = await keysOf(["--allow-env"], { [name]: "hunter2" }, { [name]: "hunter2" });
    assert.notEqual(first, second);
  });
}

test("no other process finds the token if not all variables may be read", async () => {
  for (const flags of [[ENV], [ENV, "--deny-env=AZURE_CLOUD_NAME"], ["--allow-env", "--deny-env=AZURE_CLOUD_NAME"]]) {
    const [first, second] = await keysOf(flags, {}, {});
    assert.notEqual(first, second);
  }
});

test("a changed variable is noticed without a prompt if only some variables may be read", async () => {
  const output = await runWithFlags(
    [RUN, "--allow-read", `${ENV},AZURE_CLOUD_NAME,AZD_AUTH_ENDPOINT`],
    `
    ${COUNT_QUESTIONS}
    const { AzureCliCredential } = await import("@azweb/identity");
    const cache = new Map();
    let now = Date.now();
    const credential = new AzureCliCredential({ cache, runtime: { now: () => now } });
    for (const name of ["NO_SUCH", "AZURE_CLOUD_NAME", "AZD_AUTH_ENDPOINT"]) {
      if (name !== "NO_SUCH") Deno.env.set(name, "changed");
      await credential.getToken("https://vault.azure.net/.default");
      now += 1000;
    }
    console.log(cache.size, questions);
  `,
    env,
  );
  assert.equal(output, "3 0");
});
