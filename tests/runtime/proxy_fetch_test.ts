// Runs on: deno, node, bun
// Requests to the token service through the proxy in the environment variables, with a real proxy and real TLS. The
// host name of the token service does not exist: a token shows that the request went through the proxy, and a failed
// DNS lookup shows that it did not.
import { detectPlatform } from "@azweb/identity/runtime";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { writeCertificates } from "../support/certificates/certificate_authority.ts";
import { startModule, startProgram, stopModules, trust } from "../support/child.ts";
import { type EntraServer, startEntra } from "../support/entra_server.ts";
import { startTunnel, type Tunnel } from "../support/tunnel.ts";

const HOST = "entra.invalid";
const TENANT = "11111111-2222-3333-4444-555555555555";
const DIRECT = /^error .*(ENOTFOUND|EAI_AGAIN|dns error)/;
const TOKEN = /^token ey/;
const USER = "jo:a p@ssword";
const PROGRAM = "runtime/proxied_process";

let folder: string;
let entra: EntraServer;
let open: Tunnel;
let guarded: Tunnel;
let env: Record<string, string>;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "azweb-proxy-"));
  const paths = await writeCertificates(folder, [HOST, "localhost"]);
  const apps = [{ tenantId: TENANT, clientId: "app", secrets: ["a-secret"] }];
  entra = await startEntra({ ...paths, entra: { apps } });
  const { port } = new URL(entra.url);
  open = await startTunnel(HOST, Number(port));
  guarded = await startTunnel(HOST, Number(port), { user: USER });
  env = {
    ...trust(paths.authorityPath),
    // Deno would send its update check through the proxy.
    DENO_NO_UPDATE_CHECK: "1",
    AZURE_AUTHORITY_HOST: `https://${HOST}`,
    AZURE_TENANT_ID: TENANT,
    AZURE_CLIENT_ID: "app",
    AZURE_CLIENT_SECRET: "a-secret",
  };
});
after(async () => {
  await stopModules();
  await open.close();
  await guarded.close();
  await rm(folder, { recursive: true });
});

/** Runs the program. Returns what it printed, and the requests that the two proxies received. */
type Run = (variables: Record<string, string>, preparation?: string) => Promise<{ line: string; requests: string[] }>;

async function runToEnd(start: (args: string[]) => ReturnType<typeof startProgram>, preparation = "") {
  const before = [open, guarded].map(({ requests }) => requests.length);
  const { stdout, stderr } = await start([preparation, open.url]).ended;
  assert.doesNotMatch(stdout, /a p@ssword|a%20p|a-secret/);
  const requests = [open, guarded].flatMap(({ requests }, index) => requests.slice(before[index]));
  return { line: stdout.trim() || stderr, requests };
}

const runHere: Run = (variables, preparation) =>
  runToEnd((args) => startModule(PROGRAM, { args, env: { ...env, ...variables } }), preparation);

/**
 * Copies the library and the program to a folder without other packages. Returns a function that runs the copy.
 *
 * @param undici The code of the package undici. Default: the package is not installed.
 */
async function isolate(node: string, undici?: string): Promise<Run> {
  const project = fileURLToPath(new URL("../../", import.meta.url));
  const path = join(folder, crypto.randomUUID());
  for (const name of ["@azweb/identity", "oauth4webapi"]) {
    await cp(`${project}node_modules/${name}`, `${path}/node_modules/${name}`, { recursive: true });
  }
  if (undici !== undefined) {
    await mkdir(`${path}/node_modules/undici`);
    await writeFile(`${path}/node_modules/undici/index.js`, undici);
  }
  await cp(`${project}tests/support/${PROGRAM}.js`, `${path}/program.mjs`);
  return (variables, preparation) =>
    runToEnd(
      (args) => startProgram([node, `${path}/program.mjs`, ...args], { env: { ...env, ...variables } }),
      preparation,
    );
}

/** Installs a release of Node from npm. Returns the path of its program. */
function findNode(version: string): string {
  return execFileSync("npx", ["-y", `node@${version}`, "-p", "process.execPath"], { encoding: "utf8" }).trim();
}

/** Returns the URL of the proxy that requires a user, with this user and password in it. */
function withUser(user: string): string {
  const [name, password] = user.split(":").map(encodeURIComponent);
  return guarded.url.replace("//", `//${name}:${password}@`);
}

function describeProxy(title: string, run: Run): void {
  describe(title, () => {
    test("the proxy in HTTPS_PROXY is used", async () => {
      const { line, requests } = await run({ HTTPS_PROXY: open.url });
      assert.match(line, TOKEN);
      assert.deepEqual(requests, [`${HOST}:443`]);
    });

    test("the user in the URL of the proxy is sent by Basic authentication", async () => {
      const { line, requests } = await run({ HTTPS_PROXY: withUser(USER) });
      assert.match(line, TOKEN);
      assert.equal(requests.at(-1), `${HOST}:443 ${USER}`);
    });

    test("HTTP_PROXY is not used for https", async () => {
      const { line, requests } = await run({ HTTP_PROXY: open.url, http_proxy: open.url });
      assert.match(line, DIRECT);
      assert.deepEqual(requests, []);
    });

    for (const name of ["NO_PROXY", "no_proxy"]) {
      test(`a host in ${name} is requested directly`, async () => {
        const { line, requests } = await run({ HTTPS_PROXY: open.url, [name]: `elsewhere.test,${HOST}` });
        assert.match(line, DIRECT);
        assert.deepEqual(requests, []);
      });
    }

    for (const user of ["", "jo:a-wrong-p@ssword"]) {
      test(`the error says how to set the user if the proxy requires ${user ? "another" : "a"} one`, async () => {
        const { line, requests } = await run({ HTTPS_PROXY: user ? withUser(user) : guarded.url });
        assert.match(
          line,
          /^error EnvironmentCredential: Cannot get a token for .*(407|proxy authentication required)/i,
        );
        assert.match(line, /\. Put the user name and the password, percent-encoded, into the URL of the proxy: /);
        assert.doesNotMatch(line, /wrong/);
        assert.equal(requests[0], [`${HOST}:443`, user].filter(Boolean).join(" "));
      });
    }
  });
}

/** Tests the rules for the variables, on Node only: the other runtimes apply their own rules. */
function describeRules(run: Run): void {
  describe("the rules for the variables", () => {
    for (
      const [noProxy, isDirect] of [
        ["*", true],
        [`.${HOST}`, true],
        ["invalid", true],
        [".invalid", true],
        ["*.invalid", true],
        [`ENTRA.Invalid:443`, true],
        ["other.test  invalid", true],
        [`${HOST}:8443`, false],
        ["tra.invalid", false],
        [`login.${HOST}`, false],
        ["", false],
      ] as const
    ) {
      test(`NO_PROXY=${noProxy}: ${isDirect ? "the request is direct" : "the proxy is used"}`, async () => {
        const { line, requests } = await run({ HTTPS_PROXY: open.url, NO_PROXY: noProxy });
        assert.match(line, isDirect ? DIRECT : TOKEN);
        assert.deepEqual(requests, isDirect ? [] : [`${HOST}:443`]);
      });
    }

    test("https_proxy takes precedence over HTTPS_PROXY", async () => {
      const { line, requests } = await run({ https_proxy: open.url, HTTPS_PROXY: "http://127.0.0.1:9" });
      assert.match(line, TOKEN);
      assert.deepEqual(requests, [`${HOST}:443`]);
    });

    test("no_proxy takes precedence over NO_PROXY", async () => {
      const { line } = await run({ HTTPS_PROXY: open.url, no_proxy: "other.test", NO_PROXY: "*" });
      assert.match(line, TOKEN);
    });

    test("an empty variable is treated as not set", async () => {
      assert.match((await run({ https_proxy: "", HTTPS_PROXY: open.url })).line, TOKEN);
      assert.match((await run({ HTTPS_PROXY: "" })).line, DIRECT);
    });

    test("the URL of the proxy may lack its scheme", async () => {
      assert.match((await run({ HTTPS_PROXY: open.url.replace("http://", "") })).line, TOKEN);
    });

    for (const url of ["socks5://jo:a-password@127.0.0.1:1080", "http://jo:a-password@:port"]) {
      test(`HTTPS_PROXY=${url} causes an error that does not contain the password`, async () => {
        const { line } = await run({ HTTPS_PROXY: url });
        assert.match(line, /: Cannot reach "entra\.invalid": .*HTTPS_PROXY must be the URL of a proxy with "http:"/);
        assert.doesNotMatch(line, /a-password/);
      });
    }

    test("a loopback address is requested directly", async () => {
      const { line, requests } = await run({ HTTPS_PROXY: open.url, AZURE_AUTHORITY_HOST: entra.url });
      assert.match(line, TOKEN);
      assert.deepEqual(requests, []);
    });

    for (const host of ["169.254.10.10", "[fe80::1]", "127.0.0.2", "[::1]", "a.localhost"]) {
      test(`the address ${host} is requested directly`, async () => {
        const variables = { HTTPS_PROXY: open.url, AZURE_AUTHORITY_HOST: `https://${host}:8443` };
        // Nothing listens there, and the connection may wait.
        const { line, requests } = await run(variables, "a short time limit");
        assert.match(line, /^error /);
        assert.deepEqual(requests, []);
      });
    }

    test("the variables of the process are used even with the option env", async () => {
      assert.match((await run({ HTTPS_PROXY: open.url }, "the option env")).line, TOKEN);
    });
  });
}

/** Tests proxy URLs that Node's own agents reject or interpret in another way. */
function describeValues(title: string, run: Run): void {
  describe(title, () => {
    for (
      const [what, change] of [
        ["an upper-case scheme", (url: string) => url.replace("http:", "HTTP:")],
        ["one slash", (url: string) => url.replace("http://", "http:/")],
        ["a path", (url: string) => `${url}/a/path?with=query#fragment`],
        ["a line break", (url: string) => url.replace("@", "\r\n@")],
      ] as const
    ) {
      test(`a proxy with ${what} is used`, async () => {
        const { line, requests } = await run({ HTTPS_PROXY: change(withUser(USER)) });
        assert.match(line, TOKEN);
        assert.equal(requests.at(-1), `${HOST}:443 ${USER}`);
      });
    }

    test("a proxy that closes each connection gets only one", async () => {
      let connections = 0;
      const server = createServer((socket) => {
        connections++;
        socket.on("error", () => {}).once("data", () => socket.end());
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const { line } = await run({ HTTPS_PROXY: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
      server.close();
      assert.match(line, /^error .*(other side closed|ended unexpectedly)/);
      assert.equal(connections, 1);
    });

    test("a password that is not percent-encoded causes an error that does not contain it", async () => {
      const { line, requests } = await run({ HTTPS_PROXY: guarded.url.replace("//", "//jo:a-100%-secret@") });
      assert.match(line, /: Cannot reach "entra\.invalid": .*HTTPS_PROXY must be .*, its user name .*percent-encoded/);
      assert.doesNotMatch(line, /100%/);
      assert.deepEqual(requests, []);
    });
  });
}

/** Tests when the program's own `fetch` is used on Node, instead of one with a proxy. */
function describeFetch(title: string, run: Run): void {
  describe(title, () => {
    for (const preparation of ["the option fetch", "a replaced fetch"]) {
      test(`${preparation} is used`, async () => {
        const { line, requests } = await run({ HTTPS_PROXY: open.url }, preparation);
        assert.equal(line, "token of-the-fake");
        assert.deepEqual(requests, []);
      });
    }

    test("a wrapped fetch is used", async () => {
      assert.match((await run({ HTTPS_PROXY: open.url }, "a wrapped fetch")).line, DIRECT);
    });

    test("the proxy is used even after another request of the program", async () => {
      assert.match((await run({ HTTPS_PROXY: open.url }, "a request before")).line, TOKEN);
    });
  });
}

const platform = detectPlatform();
describeProxy(`on this ${platform}`, runHere);

if (platform === "node") {
  describeRules(runHere);
  describeValues("proxy URLs on this Node", runHere);
  describeFetch("fetch on this Node", runHere);

  test("a global dispatcher is used", async () => {
    const { line } = await runHere({ HTTPS_PROXY: "http://127.0.0.1:9" }, "a global dispatcher");
    assert.match(line, TOKEN);
  });

  test("a composed dispatcher is used", async () => {
    const { line } = await runHere({ HTTPS_PROXY: open.url }, "a composed dispatcher");
    assert.match(line, /^error .*The composed dispatcher refuses/);
  });

  for (
    const [title, undici, problem] of [
      ["without undici", undefined, ""],
      // Like release 8 of undici on Node 20.
      [
        "with an undici that Node does not run",
        'throw new TypeError("It is not a function")',
        ", whose installed version does not run on it",
      ],
    ] as const
  ) {
    test(`${title}, a release of Node that does not support proxies causes an error, without a request`, async () => {
      const run = await isolate(process.execPath, undici);
      const { line, requests } = await run({ HTTPS_PROXY: open.url });
      const version = process.version.slice(1);
      const [major = 0, minor = 0] = version.split(".").map(Number);
      if (major > 24 || major === 24 && minor >= 5 || major === 22 && minor >= 21) return assert.match(line, TOKEN);
      assert.equal(
        line,
        `error EnvironmentCredential: Cannot reach "${HOST}": The variable HTTPS_PROXY names a proxy, which Node ${version} ` +
          `uses only with the package "undici"${problem}. Run \`npm install undici@7\`, update Node to 22.21, 24.5 or newer, or pass ` +
          'the option "fetch" (configured by the variables AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET)',
      );
      assert.deepEqual(requests, []);
      assert.match((await run({ HTTPS_PROXY: open.url, NO_PROXY: HOST })).line, DIRECT);
    });
  }

  test("on a release of Node whose error contains the URL of the proxy, the password is removed from it", async () => {
    const run = await isolate(findNode("22.21.0"));
    const { line } = await run({ HTTPS_PROXY: withUser("jo:a-wrong-p@ssword") });
    assert.match(line, /^error .* via http:\/\/127\.0\.0\.1:\d+: HTTP\/1\.1 407 /);
    assert.doesNotMatch(line, /wrong|jo:/);
  });

  for (const version of ["22.23.3", "24.21.0", "26.10.0"]) {
    let isolated: Promise<Run> | undefined;
    const run: Run = async (...given) => await (await (isolated ??= isolate(findNode(version))))(...given);
    describeProxy(`on Node ${version}, without undici`, run);
    describeValues(`proxy URLs on Node ${version}, without undici`, run);
    describeFetch(`fetch on Node ${version}, without undici`, run);

    test(`on Node ${version} with NODE_USE_ENV_PROXY, HTTP_PROXY is used for https too`, async () => {
      const variables = { https_proxy: "", HTTPS_PROXY: "http://127.0.0.1:9", HTTP_PROXY: open.url };
      assert.match((await run(variables)).line, /ECONNREFUSED/);
      assert.match((await run({ ...variables, NODE_USE_ENV_PROXY: "1" })).line, TOKEN);
    });
  }
}
