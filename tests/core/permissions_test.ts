// Runs on: deno
// The effect of Deno's permissions: importing needs none, a missing one causes an error that names the flag, and Deno
// prompts at most once. Each test runs its own process.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createCertificateAuthority } from "../support/certificates/certificate_authority.ts";
import { COUNT_QUESTIONS, ROOT, runWithFlags as run } from "../support/permissions.ts";
import { serveTls } from "../support/tls_server.ts";

const SUBPATHS = Object.keys(JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`)).exports)
  .map((subpath) => subpath.replace(".", "@azweb/identity"));

for (const specifier of SUBPATHS) {
  test(`${specifier} can be imported without any permission, and does not keep the process alive`, async () => {
    // The process ends by itself only if there is no timer and no open handle.
    const code = `import * as all from "${specifier}"; console.log(Object.keys(all).length > 0);`;
    const output = await run(
      ["--deny-env", "--deny-read", "--deny-run", "--deny-sys", "--deny-net", "--deny-write"],
      code,
    );
    assert.equal(output, "true");
  });
}

/** Returns a program that calls `getToken` of the credential, and prints the error. */
function callGetToken(credential: string): string {
  return `
  import * as identity from "@azweb/identity";
  const { ${credential.split("(")[0]} } = identity;
  try {
    await new ${credential}.getToken("https://vault.azure.net/.default");
  } catch (error) {
    console.log(error.name + " / " + error.message);
  }
`;
}

/** The part of a message about unreadable variables between the name of the credential and those of the variables. */
const UNREADABLE = ': Cannot read the environment variables that determine the identity: Set the option "env", ' +
  "or run Deno with --allow-env=";

test("getToken rejects with an AuthenticationError that names the flag if variables may not be read", async () => {
  const output = await run(["--deny-env"], callGetToken("EnvironmentCredential()"));
  assert.ok(output.startsWith(`AuthenticationError / EnvironmentCredential${UNREADABLE}`), output);
  assert.match(output, /--allow-env=AZURE_TENANT_ID,AZURE_CLIENT_ID,AZURE_CLIENT_SECRET,/);
});

test("getToken rejects with the same error if options.runtime has the members of createRuntime()", async () => {
  const credential =
    'DefaultAzureCredential({ runtime: { ...(await import("@azweb/identity/runtime")).createRuntime() } })';
  const output = await run(["--allow-env=AZURE_TOKEN_CREDENTIALS", "--allow-read"], callGetToken(credential));
  assert.ok(output.startsWith(`AuthenticationError / EnvironmentCredential${UNREADABLE}AZURE_TENANT_ID,`), output);
});

test("a web sign-in does not begin if a variable that it or its session needs may not be read", async () => {
  const begin = (options = "", method = 'clientSecret: "my-secret"') => `
    import { createWebSignIn } from "@azweb/identity/web-sign-in";
    const webSignIn = createWebSignIn({
      tenantId: "common",
      clientId: "my-client-id",
      ${method},
      redirectUri: "https://my.app/signed-in",
      scopes: "https://graph.microsoft.com/User.Read",
      sealingKey: btoa("1".repeat(32)),
      ${options}
    });
    const response = webSignIn.signIn(new Request("https://my.app/"));
    console.log(await response.then(({ status }) => status, ({ name, message }) => name + " / " + message));
  `;
  const multitenant = "AZURE_IDENTITY_DISABLE_MULTITENANTAUTH";
  const error = `AuthenticationError / WebSignIn${UNREADABLE}`;
  assert.equal(
    await run(["--deny-env"], begin()),
    `${error}AZURE_AUTHORITY_HOST,${multitenant} --allow-net=login.microsoftonline.com`,
  );
  assert.equal(
    await run(["--deny-env"], begin("", 'clientCertificate: "/app.pem"')),
    `${error}AZURE_AUTHORITY_HOST,${multitenant} --allow-net=login.microsoftonline.com --allow-read=/app.pem`,
  );
  const authority = 'authorityHost: "https://login.microsoftonline.us"';
  assert.equal(
    await run(["--deny-env"], begin(authority)),
    `${error}${multitenant} --allow-net=login.microsoftonline.us`,
  );
  assert.equal(await run(["--deny-env", "--allow-net"], begin(authority)), `${error}${multitenant}`);
  assert.equal(await run([`--allow-env=${multitenant}`], begin(authority)), "302");
});

test("variables that may not be read end a chain with an AuthenticationError, because they may configure the credential", async () => {
  const output = await run(["--allow-env=AZURE_TOKEN_CREDENTIALS"], callGetToken("DefaultAzureCredential()"));
  assert.ok(output.startsWith(`AuthenticationError / EnvironmentCredential${UNREADABLE}AZURE_TENANT_ID,`), output);
});

for (
  const flags of [[], ["--deny-env"], [
    "--deny-env=AZURE_TOKEN_CREDENTIALS",
    "--allow-env",
    "--allow-run",
    "--allow-net",
  ]]
) {
  test(`no credential is tried if AZURE_TOKEN_CREDENTIALS may not be read: ${flags.join(" ") || "no flags"}`, async () => {
    const env = { PATH: "/nothing" };
    const output = await run(flags, callGetToken("DefaultAzureCredential()"), env);
    const start = `AuthenticationError / DefaultAzureCredential${UNREADABLE}`;
    assert.ok(output.startsWith(start), output);
    // The message lists each variable that affects the identity of a credential, once.
    const names = output.slice(start.length).split(",");
    assert.equal(new Set(names).size, names.length);
    for (
      const name of [
        "AZURE_TOKEN_CREDENTIALS",
        "AZURE_CLIENT_SECRET",
        "AZURE_ADDITIONALLY_ALLOWED_TENANTS",
        "AZURE_AUTHORITY_HOST",
        "AZURE_REGIONAL_AUTHORITY_NAME",
        "AZURE_IDENTITY_DISABLE_MULTITENANTAUTH",
        "AZURE_FEDERATED_TOKEN_FILE",
        "IDENTITY_ENDPOINT",
        "MSI_ENDPOINT",
        "AZURE_POD_IDENTITY_AUTHORITY_HOST",
      ]
    ) assert.ok(names.includes(name), name);
  });
}

test("getToken rejects with an AuthenticationError that names all variables if only some may be read", async () => {
  const output = await run(["--allow-env=AZURE_TENANT_ID"], callGetToken("EnvironmentCredential()"));
  assert.ok(
    output.startsWith(`AuthenticationError / EnvironmentCredential${UNREADABLE}AZURE_TENANT_ID,AZURE_CLIENT_ID,`),
    output,
  );
});

for (
  const credential of [
    'ClientSecretCredential("tenant", "client", "secret")',
    "DeviceCodeCredential({ userPromptCallback() {} })",
  ]
) {
  const name = credential.split("(")[0]!;
  test(`${name} rejects with an AuthenticationError that names the flag if the token service may not be reached`, async () => {
    assert.equal(
      await run(["--allow-env"], callGetToken(credential)),
      `AuthenticationError / ${name}: Cannot reach "login.microsoftonline.com": ` +
        "Run Deno with --allow-net=login.microsoftonline.com",
    );
  });
}

for (const path of ["app.pem", "/secrets/app.pem", "./certificates/app.pem"]) {
  test(`getToken rejects with an AuthenticationError that names the flag if the certificate ${path} may not be read`, async () => {
    const output = await run(
      ["--allow-env", "--allow-net"],
      callGetToken(`ClientCertificateCredential("tenant", "client", ${JSON.stringify(path)})`),
    );
    assert.equal(
      output,
      "AuthenticationError / ClientCertificateCredential: " +
        `Cannot read the certificate of "certificatePath", "${path}": It is not permitted: Run Deno with --allow-read=${path}`,
    );
  });
}

for (
  const credential of [
    'ClientCertificateCredential("tenant", "client", "/app.pem")',
    'ClientCertificateCredential("tenant", "client", { certificatePath: "/app.pem" })',
    'OnBehalfOfCredential({ tenantId: "t", clientId: "c", certificatePath: "/app.pem", userAssertionToken: "a.b.c" })',
    'AgentIdentityCredential({ tenantId: "t", blueprintId: "b", agentId: "a", certificatePath: "/app.pem" })',
  ]
) {
  test(`an error about unreadable variables also names the certificate file: ${credential}`, async () => {
    const output = await run(["--deny-env"], callGetToken(credential));
    assert.ok(output.startsWith(`AuthenticationError / ${credential.split("(")[0]}${UNREADABLE}`), output);
    assert.ok(output.endsWith(" --allow-net=login.microsoftonline.com --allow-read=/app.pem"), output);
  });
}

test("a certificate file that a variable names and that may not be read ends a chain, with an error that names variable and flag", async () => {
  const variables = { AZURE_TENANT_ID: "tenant", AZURE_CLIENT_ID: "client", AZURE_CLIENT_CERTIFICATE_PATH: "app.pem" };
  const output = await run(["--allow-env", "--allow-net"], callGetToken("DefaultAzureCredential()"), variables);
  assert.match(
    output,
    /^AuthenticationError .* of AZURE_CLIENT_CERTIFICATE_PATH, "app\.pem": It is not permitted: Run Deno with --allow-read=app\.pem \(configured by the variables AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_CERTIFICATE_PATH\)$/,
  );
});

test("an error names all missing permissions of a workload: for variables, the token service, and the token file", async () => {
  const variables = { AZURE_TENANT_ID: "tenant", AZURE_CLIENT_ID: "client", AZURE_FEDERATED_TOKEN_FILE: "token.jwt" };
  const folder = await Deno.makeTempDir();
  const path = `${folder}/token`;
  const part = btoa("{}").replaceAll("=", "");
  await Deno.writeTextFile(path, `${part}.${part}.${part}`);
  const file = { ...variables, AZURE_FEDERATED_TOKEN_FILE: path };
  const code = callGetToken("WorkloadIdentityCredential()");
  try {
    const later = ["AZURE_REGIONAL_AUTHORITY_NAME", "AZURE_IDENTITY_DISABLE_MULTITENANTAUTH"];
    const names = [...Object.keys(variables), "AZURE_AUTHORITY_HOST", ...later].join();
    assert.equal(
      await run(["--deny-env"], code, file),
      `AuthenticationError / WorkloadIdentityCredential${UNREADABLE}${names} --allow-net=login.microsoftonline.com ` +
        "--allow-read=/var/run/secrets/azure/tokens/azure-identity-token",
    );
    const ofOption = callGetToken(`WorkloadIdentityCredential({ tokenFilePath: ${JSON.stringify(path)} })`);
    const [flags] = /--allow-env=.*$/.exec(await run(["--deny-env"], ofOption)) ?? [""];
    assert.ok(flags.endsWith(` --allow-net=login.microsoftonline.com --allow-read=${path}`), flags);
    // With these flags, no permission is missing.
    const refused = `globalThis.fetch = () => Promise.reject(new TypeError("refused"));\n${
      ofOption.replace("tokenFilePath", "retryOptions: { maxRetries: 0 }, tokenFilePath")
    }`;
    assert.match(await run(flags.split(" "), refused, variables), /^AuthenticationError .*: refused\./);
    // The path of a token file in a variable is unknown until that variable can be read.
    const env = `--allow-env=${names}`;
    assert.equal(
      await run([env], code, variables),
      'AuthenticationError / WorkloadIdentityCredential: Cannot read the token file of AZURE_FEDERATED_TOKEN_FILE, "token.jwt": ' +
        "It is not permitted: Run Deno with --allow-read=token.jwt",
    );
    assert.match(await run([env, `--allow-read=${path}`], code, file), /--allow-net=login\.microsoftonline\.com$/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

test("errors name the variables and the host of the token proxy if it is enabled", async () => {
  const code = callGetToken(
    'WorkloadIdentityCredential({ tenantId: "t", clientId: "c", tokenFilePath: "/t", enableAzureProxy: true })',
  );
  assert.match(await run(["--deny-env"], code), /--allow-env=AZURE_KUBERNETES_TOKEN_PROXY,.*,AZURE_AUTHORITY_HOST,/);
});

describe("a managed identity", () => {
  const APP_SERVICE = { IDENTITY_ENDPOINT: "http://127.0.0.1:9/msi/token", IDENTITY_HEADER: "a-header" };
  const code = callGetToken("ManagedIdentityCredential({ retryOptions: { maxRetries: 0 } })");

  /** Returns the flag that the message names if no variable may be read. */
  async function envFlag(): Promise<string> {
    const output = await run(["--deny-env"], code);
    assert.ok(
      output.startsWith(`AuthenticationError / ManagedIdentityCredential${UNREADABLE}IDENTITY_ENDPOINT,`),
      output,
    );
    const [, env, net] = /(--allow-env=\S+) (--allow-net=\S+)$/.exec(output)!;
    assert.equal(net, "--allow-net=169.254.169.254");
    return env!;
  }

  test("with the flag in the error about variables, they are read without a prompt", async () => {
    const flag = await envFlag();
    const output = await run(
      [flag],
      `${COUNT_QUESTIONS}
       ${code}
       console.log(questions);`,
    );
    assert.match(
      output,
      /Cannot reach "169\.254\.169\.254": Run Deno with --allow-net=169\.254\.169\.254\n0$/,
    );
  });

  test("all variables must be readable, because each may configure another source", async () => {
    const output = await run([`--allow-env=${Object.keys(APP_SERVICE)}`, "--allow-net"], code, APP_SERVICE);
    assert.match(output, /^AuthenticationError .*--allow-env=IDENTITY_ENDPOINT,.*DENO_DEPLOYMENT_ID$/);
  });

  test("the permissions for the variables and the host of the source suffice", async () => {
    const server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen() {} },
      () => Response.json({ access_token: "the-token", expires_on: String(Math.floor(Date.now() / 1000) + 3600) }),
    );
    try {
      const host = `127.0.0.1:${server.addr.port}`;
      const env = { ...APP_SERVICE, IDENTITY_ENDPOINT: `http://${host}/msi/token` };
      const flag = await envFlag();
      assert.match(await run([flag], code, env), new RegExp(`Run Deno with --allow-net=${host}$`));
      const program = code.replace(/await new (.*);/, "console.log((await new $1).token);");
      assert.equal(await run([flag, `--allow-net=${host}`], program, env), "the-token");
    } finally {
      await server.shutdown();
    }
  });

  test("the error names the flag for the key file of Azure Arc", async () => {
    const folder = "/var/opt/azcmagent/tokens/";
    const headers = { "www-authenticate": `Basic realm=${folder}a.key` };
    const server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen() {} },
      () => new Response(null, { status: 401, headers }),
    );
    try {
      const host = `127.0.0.1:${server.addr.port}`;
      const env = {
        IDENTITY_ENDPOINT: `http://${host}/metadata/identity/oauth2/token`,
        IMDS_ENDPOINT: `http://${host}`,
      };
      const flags = ["--allow-env", `--allow-net=${host}`];
      assert.equal(
        await run(flags, code, env),
        "AuthenticationError / ManagedIdentityCredential: Cannot read the key of Azure Arc: " +
          `Run Deno with --allow-read=${folder}`,
      );
      assert.match(
        await run([...flags, `--allow-read=${folder}`], code, env),
        /^AuthenticationError .* Cannot read the key of Azure Arc in .*: Run as a user with access/,
      );
    } finally {
      await server.shutdown();
    }
  });
});

test("the error of a request with a pinned certificate names the host if its permission is missing", async () => {
  const output = await run(
    [],
    `
    import { createRuntime } from "@azweb/identity/runtime";
    const thumbprint = "0".repeat(40);
    for (const host of ["127.0.0.1:9", "localhost:9"]) {
      await createRuntime().tlsFetch({ thumbprint })("https://" + host).catch((error) => console.log(error.name, error.message));
    }
  `,
  );
  assert.equal(output, 'NotCapable Cannot reach "127.0.0.1:9"\nNotCapable Cannot reach "localhost:9"');
});

test("a request with a custom certificate authority needs only the permission for the host", async () => {
  const authority = await createCertificateAuthority();
  const answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
  const server = await serveTls(await authority.issue(["127.0.0.1"]), (socket) => socket.write(answer));
  try {
    const output = await run(
      [`--allow-net=127.0.0.1:${server.port}`],
      `
      import { createRuntime } from "@azweb/identity/runtime";
      const fetch = createRuntime().tlsFetch({ ca: ${JSON.stringify(authority.certificate)} });
      const response = await fetch("https://127.0.0.1:${server.port}/", { method: "POST", body: "a=b" });
      console.log(await response.text());
    `,
    );
    assert.equal(output, "ok");
  } finally {
    await server.close();
  }
});

test("checking whether a file exists does not prompt", async () => {
  const code = `
    import { createRuntime } from "@azweb/identity/runtime";
    ${COUNT_QUESTIONS}
    const { fileExists, platform } = createRuntime();
    console.log(await fileExists("deno.json"), await fileExists("none.json"), questions, platform);
  `;
  const { os } = Deno.build;
  const system = os === "windows" ? "win32" : os;
  assert.equal(await run([], code), `undefined undefined 0 ${system}`);
  assert.equal(await run(["--deny-read"], code), `undefined undefined 0 ${system}`);
  assert.equal(await run(["--allow-read"], code), `true false 0 ${system}`);
  assert.equal(await run(["--allow-read=deno.json"], code), `true undefined 0 ${system}`);
});

test("getToken returns a token with only the permissions for variables and network, as on Deno Deploy", async () => {
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    () => Response.json({ access_token: "the-token", token_type: "Bearer", expires_in: 3600 }),
  );
  try {
    const output = await run(
      ["--allow-env", "--allow-net"],
      `
        import { DefaultAzureCredential } from "@azweb/identity";
        Deno.env.set("AZURE_TENANT_ID", "tenant");
        Deno.env.set("AZURE_CLIENT_ID", "client");
        Deno.env.set("AZURE_CLIENT_SECRET", "secret");
        Deno.env.set("AZURE_AUTHORITY_HOST", "http://127.0.0.1:${server.addr.port}");
        const credential = new DefaultAzureCredential({ allowInsecureLoopback: true, disableInstanceDiscovery: true });
        console.log((await credential.getToken("https://vault.azure.net/.default")).token);
      `,
    );
    assert.equal(output, "the-token");
  } finally {
    await server.shutdown();
  }
});

test("Deno prompts at most once", async () => {
  // A prompt without a terminal is denied. Later calls must use the cached decision.
  const output = await run(
    [],
    `
      ${COUNT_QUESTIONS}
      const { EnvironmentCredential } = await import("@azweb/identity");
      for (let i = 0; i < 3; i++) await new EnvironmentCredential().getToken("https://vault.azure.net/.default").catch(() => {});
      console.log(questions);
    `,
  );
  assert.equal(output, "1");
});

test("with the flag in the error, a token is requested from the authority in the variables", async () => {
  const message = await run(["--deny-env"], callGetToken("EnvironmentCredential()"));
  const [flag] = /--allow-env=\S+/.exec(message)!;
  const variables = {
    AZURE_TENANT_ID: "tenant",
    AZURE_CLIENT_ID: "client",
    AZURE_CLIENT_SECRET: "secret",
    AZURE_AUTHORITY_HOST: "https://login.microsoftonline.us",
  };
  const output = await run([flag], callGetToken("EnvironmentCredential()"), variables);
  assert.match(output, /^AuthenticationError .*--allow-net=login\.microsoftonline\.us \(configured by the variables /);
});

test("all variables must be readable, because each may configure another authority or identity", async () => {
  const variables = { AZURE_TENANT_ID: "tenant", AZURE_CLIENT_ID: "client", AZURE_CLIENT_SECRET: "secret" };
  const output = await run(
    [`--allow-env=${Object.keys(variables)}`, "--allow-net"],
    callGetToken("EnvironmentCredential()"),
    variables,
  );
  assert.match(output, /^AuthenticationError .*AZURE_AUTHORITY_HOST/);
});

test("no secret is sent if the variables that may configure its authority cannot be read", async () => {
  const output = await run(
    ["--deny-env", "--allow-net"],
    callGetToken('ClientSecretCredential("tenant", "client", "secret")'),
  );
  assert.match(
    output,
    /^AuthenticationError \/ ClientSecretCredential: .*--allow-env=AZURE_REGIONAL_AUTHORITY_NAME,AZURE_AUTHORITY_HOST,AZURE_IDENTITY_DISABLE_MULTITENANTAUTH$/,
  );
});

test("on Deno Deploy there is no metadata service, whatever options.env contains", async () => {
  const code = `
    import { ManagedIdentityCredential } from "@azweb/identity";
    const error = await new ManagedIdentityCredential({ env: {} }).getToken("https://vault.azure.net/.default").catch((error) => error);
    console.log(error.name, error.message);
  `;
  // `--deny-net` prevents a request to the real address.
  const flags = ["--allow-env", "--deny-net"];
  assert.match(
    await run(flags, code, { DENO_DEPLOYMENT_ID: "a-deployment" }),
    /this runtime has no metadata service$/,
  );
  assert.match(await run(flags, code), /Run Deno with --allow-net=169\.254\.169\.254$/);
});
