// Runs on: deno, node, bun
// A PKCS#12 file whose path is in a variable or in code is read with `node-forge`, which is installed here.
import { ClientCertificateCredential, EnvironmentCredential, OnBehalfOfCredential } from "@azweb/identity";
import { createRuntime } from "@azweb/identity/runtime";
import { createEntra } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createWorkshop, missingOpenssl, type Workshop } from "../support/certificates/openssl.ts";
import { CLIENT, failureOf, isolatedOptions, SCOPE, TENANT } from "../support/service.ts";

const PASSWORD = "correct horse";
const skip = missingOpenssl();
const { read, write, path } = skip ? {} as Workshop : createFiles();

function createFiles(): Workshop {
  const workshop = createWorkshop();
  const run = (command: string, ...more: string[]) => workshop.openssl(...command.split(" "), ...more);
  run("req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out app.pem -days 3 -subj /CN=app");
  run("pkcs12 -export -inkey key.pem -in app.pem -out app.pfx -passout", `pass:${PASSWORD}`);
  run("pkcs12 -export -inkey key.pem -in app.pem -out open.p12 -passout pass:");
  return workshop;
}

function setUp() {
  const entra = createEntra({ apps: [{ tenantId: TENANT, clientId: CLIENT, certificates: [read("app.pem")] }] });
  const env = (file: string, password?: string) => ({
    ...{ AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT, AZURE_CLIENT_CERTIFICATE_PATH: path(file) },
    ...password !== undefined && { AZURE_CLIENT_CERTIFICATE_PASSWORD: password },
  });
  return { entra, env, options: isolatedOptions(entra) };
}

describe("a PKCS#12 file that is configured by its path", { skip }, () => {
  for (const [file, password] of [["app.pfx", PASSWORD], ["open.p12", undefined], ["open.p12", ""]] as const) {
    test(`is used: ${file} in AZURE_CLIENT_CERTIFICATE_PATH, ${password ? "with" : "without"} a password`, async () => {
      const { entra, env, options } = setUp();
      const credential = new EnvironmentCredential({ ...options, env: env(file, password) });
      const { token } = await credential.getToken(SCOPE);
      assert.equal((await entra.verify(token)).appid, CLIENT);
    });
  }

  test("is used: in an argument or option of a credential", async () => {
    const { entra, options } = setUp();
    const configuration = { certificatePath: path("app.pfx"), certificatePassword: PASSWORD };
    for (const given of [configuration, path("open.p12")]) {
      const { token } = await new ClientCertificateCredential(TENANT, CLIENT, given, options).getToken(SCOPE);
      assert.equal((await entra.verify(token)).appid, CLIENT);
    }
    const user = new OnBehalfOfCredential({
      ...options,
      ...{ tenantId: TENANT, clientId: CLIENT, certificatePath: path("open.p12"), userAssertionToken: "a.b.c" },
    });
    // The app is authenticated, but "a.b.c" is not a valid token of a user.
    assert.match((await failureOf(user.getToken(SCOPE))).message, /invalid_grant|AADSTS50(013|0131|027)/);
  });

  for (const password of [undefined, "wrong horse"]) {
    test(`with ${password === undefined ? "no" : "a wrong"} password causes an AuthenticationError that names its variable`, async () => {
      const { entra, env, options } = setUp();
      const error = await failureOf(
        new EnvironmentCredential({ ...options, env: env("app.pfx", password) }).getToken(SCOPE),
      );
      assert.equal(error.name, "AuthenticationError");
      assert.ok(
        error.message.startsWith(
          `EnvironmentCredential: Cannot use the certificate of AZURE_CLIENT_CERTIFICATE_PATH, "${path("app.pfx")}": ` +
            "Cannot read PKCS#12: The password is wrong",
        ),
        error.message,
      );
      assert.doesNotMatch(error.message, /horse/);
      assert.equal(entra.requests.length, 0);
    });
  }

  test("causes an error if it is neither PEM nor PKCS#12", async () => {
    const { env, options } = setUp();
    // "0" is the first byte of every PKCS#12 file.
    write("none.pfx", "0, and other text");
    const { message } = await failureOf(
      new EnvironmentCredential({ ...options, env: env("none.pfx") }).getToken(SCOPE),
    );
    assert.match(message, /Cannot read PKCS#12: It is damaged, or not a PKCS#12 file/);
  });

  test("is read with options.runtime.readFile; without that function, the error says how to convert the file", async () => {
    const { env, options } = setUp();
    const { readTextFile, readFile } = createRuntime();
    const all = { ...options, env: env("app.pfx", PASSWORD) };
    const withoutReadFile = new EnvironmentCredential({ ...all, runtime: { readTextFile } });
    assert.match((await failureOf(withoutReadFile.getToken(SCOPE))).message, /It is not PEM text.*openssl pkcs12/);
    const paths: string[] = [];
    const runtime = {
      readTextFile,
      readFile: (path: string) => {
        paths.push(path);
        return readFile!(path);
      },
    };
    await new EnvironmentCredential({ ...all, runtime }).getToken(SCOPE);
    assert.ok(paths.length > 0 && paths.every((file) => file === path("app.pfx")));
  });
});
