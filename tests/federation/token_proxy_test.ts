import { AuthenticationErrorName, WorkloadIdentityCredential } from "@azweb/identity";
import type { TlsTrust } from "@azweb/identity/runtime";
import { type AksProxy, type AksProxyOptions, createAksProxy } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createWorkload, PATH, SCOPE, TENANT, type Workload } from "../support/workload.ts";

const PROXY = "AZURE_KUBERNETES_TOKEN_PROXY";
const CA_FILE = "AZURE_KUBERNETES_CA_FILE";
const CA_DATA = "AZURE_KUBERNETES_CA_DATA";
const SNI_NAME = "AZURE_KUBERNETES_SNI_NAME";
const CA_PATH = "/etc/kubernetes/proxy/ca.crt";
/** PEM text that is accepted as a certificate, because its first byte is that of a DER sequence. */
const PEM = `-----BEGIN CERTIFICATE-----\n${btoa("00000000")}\n-----END CERTIFICATE-----\n`;

interface Pod extends Workload {
  readonly proxy: AksProxy;
  /** Gets a token that is not cached. */
  getToken(more?: object): Promise<string>;
  /** Returns the error of `getToken`. */
  fail(more?: object): Promise<Error>;
}

/** Creates a pod whose token proxy is simulated. */
async function createPod(options: Partial<AksProxyOptions> = {}): Promise<Pod> {
  const workload = await createWorkload();
  const { clock, entra, env, files } = workload;
  const proxy = createAksProxy({
    fetch: entra.fetch,
    clock,
    files: Object.fromEntries(files),
    ...options,
    env: { ...env, ...options.env },
  });
  const create = (more: object) =>
    new WorkloadIdentityCredential({
      ...proxy.options,
      retryOptions: { maxRetries: 0 },
      cache: false,
      enableAzureProxy: true,
      ...more,
    });
  return {
    ...workload,
    proxy,
    getToken: async (more = {}) => (await create(more).getToken(SCOPE)).token,
    fail: async (more = {}) =>
      await create(more).getToken(SCOPE).then(() => assert.fail("It should have failed"), (error) => error),
  };
}

test("sends the token request to the proxy, and trusts it by the configured CA and server name", async () => {
  const { getToken, entra, proxy } = await createPod();
  assert.equal((await entra.verify(await getToken())).tid, TENANT);
  const [{ method, path, form }] = proxy.requests as [typeof proxy.requests[number]];
  assert.deepEqual([method, path], ["POST", `/${TENANT}/oauth2/v2.0/token`]);
  assert.equal(form.client_assertion, proxy.files.get(PATH));
  assert.equal(form.scope, SCOPE);
  assert.equal(entra.requests.length, 1);
});

for (const path of ["/", "", "/a", "/a/", "/a/b%20c"]) {
  test(`sends the token request to a proxy at the path "${path}"`, async () => {
    const { getToken, proxy } = await createPod({ path });
    await getToken();
    assert.equal(proxy.requests[0]!.path, `${path.replace(/\/$/, "")}/${TENANT}/oauth2/v2.0/token`);
  });
}

test("ignores the variables without enableAzureProxy", async () => {
  const { getToken, entra, proxy } = await createPod();
  await getToken({ enableAzureProxy: false, fetch: entra.fetch });
  assert.equal(proxy.requests.length, 0);
  assert.equal(entra.requests.length, 1);
});

test("sends the token request to Entra if no variable configures a proxy", async () => {
  const { getToken, entra, proxy } = await createPod({
    env: { [PROXY]: undefined, [CA_FILE]: "", [SNI_NAME]: undefined },
  });
  await getToken({ fetch: entra.fetch });
  assert.equal(proxy.requests.length, 0);
  assert.equal(entra.requests.length, 1);
});

test("does not run discovery for another cloud behind the proxy", async () => {
  const { getToken, proxy } = await createPod();
  await getToken({ authorityHost: "https://login.contoso.example" });
  assert.deepEqual(proxy.requests.map(({ path }) => path), [`/${TENANT}/oauth2/v2.0/token`]);
});

test("uses the ordinary fetch without a CA and a server name", async () => {
  const { getToken, entra } = await createPod({
    env: { [PROXY]: "https://proxy.example/p", [CA_FILE]: "", [SNI_NAME]: "" },
  });
  const urls: string[] = [];
  const fetch: typeof globalThis.fetch = (input, init) => {
    urls.push(String(input));
    assert.equal(init?.redirect, "manual");
    return entra.fetch(`https://login.microsoftonline.com/${TENANT}/oauth2/v2.0/token`, init);
  };
  await getToken({ fetch });
  assert.deepEqual(urls, [`https://proxy.example/p/${TENANT}/oauth2/v2.0/token`]);
});

describe("the trust in the proxy", () => {
  const TRUSTS: Record<string, { env: Record<string, string | undefined>; trust: TlsTrust[] }> = {
    "by a CA file and a server name": { env: {}, trust: [{ ca: PEM.trim(), serverName: "00000000.ests.aks.example" }] },
    "by a CA file alone": { env: { [SNI_NAME]: undefined }, trust: [{ ca: PEM.trim(), serverName: undefined }] },
    "by CAs in a variable and a server name": {
      env: { [CA_FILE]: undefined, [CA_DATA]: PEM },
      trust: [{ ca: PEM, serverName: "00000000.ests.aks.example" }],
    },
    "by a server name alone": {
      env: { [CA_FILE]: undefined },
      trust: [{ ca: undefined, serverName: "00000000.ests.aks.example" }],
    },
  };
  for (const [name, { env, trust }] of Object.entries(TRUSTS)) {
    test(name, async () => {
      const { getToken, entra, proxy } = await createPod({ env });
      proxy.files.set(CA_PATH, PEM);
      const seen: TlsTrust[] = [];
      const tlsFetch = (trust: TlsTrust): typeof fetch => {
        seen.push(trust);
        return (_, init) => entra.fetch(`https://login.microsoftonline.com/${TENANT}/oauth2/v2.0/token`, init);
      };
      await getToken({ runtime: { ...proxy.options.runtime, tlsFetch } });
      assert.deepEqual(seen, trust);
    });
  }

  test("accepts the CAs in AZURE_KUBERNETES_CA_DATA", async () => {
    const { getToken, proxy } = await createPod();
    proxy.env[CA_DATA] = proxy.files.get(CA_PATH)!;
    delete proxy.env[CA_FILE];
    await getToken();
  });

  for (const [name, value] of [[SNI_NAME, "other.example"], [SNI_NAME, ""]] as const) {
    test(`sends nothing with the wrong server name "${value}"`, async () => {
      const { fail, proxy } = await createPod({ env: { [name]: value } });
      assert.match((await fail()).message, /Unknown certification authority/);
      assert.equal(proxy.requests.length, 0);
    });
  }

  test("sends nothing with the wrong CA", async () => {
    const { fail, proxy } = await createPod();
    proxy.rotate();
    assert.match((await fail()).message, /Unknown certification authority/);
    assert.equal(proxy.requests.length, 0);
  });
});

describe("a change of the CA file:", () => {
  async function setUp() {
    const pod = await createPod();
    const credential = new WorkloadIdentityCredential({
      ...pod.proxy.options,
      retryOptions: { maxRetries: 1 },
      cache: false,
      enableAzureProxy: true,
    });
    const getToken = async () => (await credential.getToken(SCOPE)).token;
    await getToken();
    return { ...pod, getToken };
  }

  test("the new CAs are trusted", async () => {
    const { getToken, proxy } = await setUp();
    proxy.files.set(CA_PATH, proxy.rotate());
    await getToken();
    assert.equal(proxy.requests.length, 2);
  });

  test("the old CAs are trusted while the file is empty", async () => {
    const { getToken, proxy } = await setUp();
    proxy.files.set(CA_PATH, " \n");
    await getToken();
    proxy.files.set(CA_PATH, proxy.rotate());
    await getToken();
    assert.equal(proxy.requests.length, 3);
  });

  test("a retry uses the new CAs", async () => {
    const { getToken, clock, proxy } = await setUp();
    const next = proxy.rotate();
    const getting = getToken();
    await clock.untilSleeping(9_999);
    proxy.files.set(CA_PATH, next);
    await clock.advance(30_000);
    await getting;
  });

  test("without a change, one TLS fetch is used for all requests", async () => {
    const { entra, proxy } = await createPod();
    let created = 0;
    const tlsFetch = (): typeof fetch => {
      created++;
      return (_, init) => entra.fetch(`https://login.microsoftonline.com/${TENANT}/oauth2/v2.0/token`, init);
    };
    const runtime = { ...proxy.options.runtime, tlsFetch };
    const options = { ...proxy.options, cache: false as const, enableAzureProxy: true, runtime };
    const credential = new WorkloadIdentityCredential(options);
    for (const _ of [1, 2, 3]) await credential.getToken(SCOPE);
    assert.equal(created, 1);
  });

  for (const [name, text] of [["is missing", undefined], ["is not PEM", "oops"]] as const) {
    test(`a file that ${name} causes an error until it is valid again`, async () => {
      const { getToken, proxy } = await setUp();
      const good = proxy.files.get(CA_PATH)!;
      text === undefined ? proxy.files.delete(CA_PATH) : proxy.files.set(CA_PATH, text);
      await assert.rejects(getToken(), { name: AuthenticationErrorName });
      proxy.files.set(CA_PATH, good);
      await getToken();
    });
  }
});

describe("invalid variables cause an AuthenticationError before any request:", () => {
  const broken = PEM.replace(/\n.*\n/, "\n!!!\n");
  const URLS: Record<string, string> = {
    "http": "http://proxy.example/",
    "http on a loopback address": "http://127.0.0.1/",
    "a host without a scheme": "proxy.example",
    "only a path": "/proxy",
    "https with a user name": "https://hush@proxy.example/",
    "https with a password": "https://me:hush@proxy.example/",
    "https with a query": "https://proxy.example/?hush",
    "https with a fragment": "https://proxy.example/#hush",
    "another scheme": "ftp://proxy.example/",
    "only a scheme": "https://",
  };
  const CASES: Record<string, { env?: Record<string, string | undefined>; file?: string | null; expected: RegExp }> = {
    ...Object.fromEntries(
      Object.entries(URLS).map(([name, url]) => [
        `the URL of the proxy is ${name}`,
        { env: { [PROXY]: url }, expected: /Cannot use AZURE_KUBERNETES_TOKEN_PROXY: It must be a URL with "https:"/ },
      ]),
    ),
    "no proxy, but a CA file and a server name": {
      env: { [PROXY]: undefined },
      expected: /Set AZURE_KUBERNETES_TOKEN_PROXY in addition to AZURE_KUBERNETES_CA_FILE, AZURE_KUBERNETES_SNI_NAME$/,
    },
    "no proxy, but a server name": {
      env: { [PROXY]: "", [CA_FILE]: "" },
      expected: /Set AZURE_KUBERNETES_TOKEN_PROXY in addition to AZURE_KUBERNETES_SNI_NAME$/,
    },
    "no proxy, but CAs": {
      env: { [PROXY]: undefined, [CA_FILE]: undefined, [SNI_NAME]: undefined, [CA_DATA]: PEM },
      expected: /Set AZURE_KUBERNETES_TOKEN_PROXY in addition to AZURE_KUBERNETES_CA_DATA$/,
    },
    "CAs in a file and in a variable": {
      env: { [CA_DATA]: PEM },
      expected: /Set only one of AZURE_KUBERNETES_CA_FILE and AZURE_KUBERNETES_CA_DATA$/,
    },
    ...Object.fromEntries(
      ["hush name", "hush\r\n", "-hush", "hush.", "10.0.0.1", "https://hush", `${"hush.".repeat(60)}example`].map((
        name,
      ) => [
        `the server name ${JSON.stringify(name)}`,
        { env: { [SNI_NAME]: name }, expected: /Cannot use AZURE_KUBERNETES_SNI_NAME: It must be a DNS name$/ },
      ]),
    ),
    "a missing CA file": {
      file: null,
      expected:
        /Cannot read the certificates of AZURE_KUBERNETES_CA_FILE, "\/etc\/kubernetes\/proxy\/ca.crt": ENOENT.*: Check the path, and that the file is mounted there$/,
    },
    "a CA file that is empty at the first request": {
      file: "",
      expected: /Cannot use the certificates of AZURE_KUBERNETES_CA_FILE, .*: It is empty$/,
    },
    "a CA file that is not PEM": {
      file: "hush",
      expected: /AZURE_KUBERNETES_CA_FILE, .*: It must contain certificates as PEM text$/,
    },
    "a CA file with a key": {
      file: PEM.replaceAll("CERTIFICATE", "PRIVATE KEY"),
      expected: /must contain certificates/,
    },
    "a truncated CA file": { file: PEM.slice(0, -10), expected: /must contain certificates/ },
    "a CA file with invalid base64": { file: broken, expected: /must contain certificates/ },
    "a CA file with a valid and an invalid certificate": { file: PEM + broken, expected: /must contain certificates/ },
    "a CA file whose content is not a certificate": {
      file: PEM.replace(/\n.*\n/, `\n${btoa("hush")}\n`),
      expected: /must contain/,
    },
    "AZURE_KUBERNETES_CA_DATA without PEM": {
      env: { [CA_FILE]: undefined, [CA_DATA]: "hush" },
      expected: /Cannot use the certificates of AZURE_KUBERNETES_CA_DATA: It must contain certificates as PEM text$/,
    },
  };
  for (const [name, { env = {}, file, expected }] of Object.entries(CASES)) {
    test(name, async () => {
      const { entra, fail, proxy } = await createPod({ env });
      if (file === null) proxy.files.delete(CA_PATH);
      else if (file !== undefined) proxy.files.set(CA_PATH, file);
      const error = await fail({ fetch: entra.fetch });
      assert.equal(error.name, AuthenticationErrorName, error.message);
      assert.match(error.message, /^WorkloadIdentityCredential: /);
      assert.match(error.message, expected);
      assert.ok(!error.message.includes("hush"), error.message);
      assert.equal(entra.requests.length, 0);
      assert.equal(proxy.requests.length, 0);
    });
  }
});

test("a failure of the proxy is reported as an error of the credential", async () => {
  const { fail, proxy } = await createPod();
  for (const fault of ["refused", "html", "truncated", "redirect", "endless"] as const) {
    proxy.failNext(fault);
    const { name, message } = await fail();
    assert.equal(name, "AuthenticationError", `${fault}: ${message}`);
  }
});
