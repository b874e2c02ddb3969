// Runs on: deno, node, bun
// Managed identities over real connections: on simulated machines that listen on a port, with faults of the network.
import { ManagedIdentityCredential, type ManagedIdentityCredentialOptions } from "@azweb/identity";
import { createRuntime, detectPlatform } from "@azweb/identity/runtime";
import {
  createAppService,
  createArcServer,
  createAzureMlCompute,
  createCloudShell,
  createServiceFabricNode,
  createVirtualMachine,
  type Machine,
  type MachineFault,
  type MachineOptions,
} from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { startModule, stopModules } from "../support/child.ts";
import { type HttpServer, serveHttp } from "../support/http_server.ts";
import { serveHttps } from "../support/https_server.ts";
import { CLIENT_ID, VAULT } from "../support/managed_identity/machine.ts";
import { createSelfSigned } from "../support/certificates/self_signed.ts";
import { failureOf } from "../support/service.ts";
import { serveTls } from "../support/tls_server.ts";

const SYSTEM = "51577ef2-0000-4000-8000-000000000001";

const leaf = await createSelfSigned();
after(stopModules);

/** A machine that listens, and the variables that configure it. */
interface ListeningMachine {
  readonly create: (options: MachineOptions) => Machine;
  readonly variables: (url: string) => Record<string, string>;
  /** Whether it has more than one identity. */
  readonly userAssigned: boolean;
  readonly requests: number;
}

const LISTENING_MACHINES: Readonly<Record<string, ListeningMachine>> = {
  "App Service": {
    create: createAppService,
    variables: (url) => ({ IDENTITY_ENDPOINT: `${url}/msi/token` }),
    userAssigned: true,
    requests: 1,
  },
  "Azure Machine Learning": {
    create: createAzureMlCompute,
    variables: (url) => ({ MSI_ENDPOINT: `${url}/MSI/auth` }),
    userAssigned: true,
    requests: 1,
  },
  "Cloud Shell": {
    create: createCloudShell,
    variables: (url) => ({ MSI_ENDPOINT: `${url.replace("127.0.0.1", "localhost")}/oauth2/token` }),
    userAssigned: false,
    requests: 1,
  },
  "Azure Arc": {
    create: createArcServer,
    variables: (url) => ({
      IDENTITY_ENDPOINT: `${url.replace("127.0.0.1", "localhost")}/metadata/identity/oauth2/token`,
      IMDS_ENDPOINT: url,
    }),
    userAssigned: true,
    requests: 2,
  },
  IMDS: {
    create: createVirtualMachine,
    variables: (url) => ({ AZURE_POD_IDENTITY_AUTHORITY_HOST: url }),
    userAssigned: true,
    requests: 1,
  },
};

/** The parameters of a test on a machine. */
interface MachineContext {
  readonly machine: Machine;
  readonly server: HttpServer;
  readonly url: string;
  create(options?: ManagedIdentityCredentialOptions & { clientId?: string }): ManagedIdentityCredential;
}

/** Serves the machine on a free port while the function runs. The credential uses the library's own fetch. */
async function withMachine(name: string, use: (context: MachineContext) => Promise<void>): Promise<void> {
  const { create, variables } = LISTENING_MACHINES[name]!;
  const machine = create({ userAssigned: [{ clientId: CLIENT_ID }] });
  const server = await serveHttp(machine.handle);
  Object.assign(machine.env, variables(server.url));
  const { env, fetch, runtime: { readTextFile, fileExists, platform } } = machine.options;
  const options = { env, fetch, runtime: { readTextFile, fileExists, platform }, retryOptions: { retryDelayInMs: 0 } };
  try {
    await use({
      machine,
      server,
      url: server.url,
      create: (more) => new ManagedIdentityCredential({ ...options, ...more }),
    });
  } finally {
    await server.close();
  }
}

for (const [name, { userAssigned, requests }] of Object.entries(LISTENING_MACHINES)) {
  describe(name, () => {
    test("returns a token, and the connection is closed", async () => {
      await withMachine(name, async ({ machine, server, create }) => {
        const { token, expiresOnTimestamp } = await create().getToken(VAULT);
        const { aud, appid } = await machine.verify(token);
        assert.equal(aud, "https://vault.azure.net");
        if (name !== "Cloud Shell") assert.equal(appid, SYSTEM);
        assert.ok(expiresOnTimestamp > Date.now());
        assert.equal(machine.requests.length, requests);
        await server.untilLeft();
      });
    });

    test("returns a token to a thousand callers", async () => {
      await withMachine(name, async ({ machine, server, create }) => {
        const credentials = [create(), create()];
        const tokens = await Promise.all(
          Array.from({ length: 1000 }, (_, index) => credentials[index % 2]!.getToken(VAULT)),
        );
        assert.equal(new Set(tokens.map(({ token }) => token)).size, 1);
        assert.equal(machine.requests.length, requests);
        assert.equal(server.connections, requests);
      });
    });

    if (userAssigned) {
      test("returns a token of another identity", async () => {
        await withMachine(name, async ({ machine, create }) => {
          const { token } = await create({ clientId: CLIENT_ID }).getToken(VAULT);
          assert.equal((await machine.verify(token)).appid, CLIENT_ID);
        });
      });
    }
  });
}

describe("Azure Arc, with its key files on a disk", () => {
  const KEYS = "/var/opt/azcmagent/tokens/";

  /** Starts a server whose agent writes each key to a folder of this machine, and deletes it after its use. */
  async function withKeys(
    use: (context: MachineContext & { readonly folder: string }) => Promise<void>,
    change: (key: string) => string = String,
  ) {
    const folder = await mkdtemp(join(tmpdir(), "azweb-arc-"));
    const fileOf = (path: string) => join(folder, path.slice(KEYS.length));
    const machine = createArcServer({ sameTokenForMs: 0 });
    const written = new Set<string>();
    const server = await serveHttp(async (request) => {
      const response = await machine.handle(request);
      for (const [path, key] of machine.files) {
        if (!path.startsWith(KEYS) || written.has(path)) continue;
        written.add(path);
        await writeFile(fileOf(path), change(key));
      }
      for (const path of written) if (!machine.files.has(path)) await rm(fileOf(path), { force: true });
      return response;
    });
    Object.assign(machine.env, LISTENING_MACHINES["Azure Arc"]!.variables(server.url));
    const { env, fetch } = machine.options;
    const runtime = { platform: "linux", readTextFile: (path: string) => createRuntime().readTextFile!(fileOf(path)) };
    const options = { env, fetch, runtime, cache: false } as const;
    const create = () => new ManagedIdentityCredential(options);
    try {
      await use({ machine, server, url: server.url, folder, create });
    } finally {
      await server.close();
      await rm(folder, { recursive: true });
    }
  }

  test("each request uses the file that was just written, and no file is left", async () => {
    await withKeys(async ({ machine, folder, create }) => {
      const credential = create();
      const tokens = new Set<string>();
      for (let round = 0; round < 5; round++) {
        const { token } = await credential.getToken(VAULT);
        assert.equal((await machine.verify(token)).appid, SYSTEM);
        tokens.add(token);
        assert.deepEqual(await readdir(folder), []);
      }
      const keys = machine.requests.flatMap(({ headers }) => headers.authorization ?? []);
      assert.deepEqual([tokens.size, new Set(keys).size, machine.requests.length], [5, 5, 10]);
    });
  });

  test("a file of five kilobytes is not sent", async () => {
    const change = (key: string) => key.padEnd(5000, "k");
    await withKeys(async ({ machine, create }) => {
      const error = await failureOf(create().getToken(VAULT));
      assert.match(
        error.message,
        /Cannot use the key of Azure Arc ".*\.key": It must be a regular file of printable ASCII .*4096 bytes$/,
      );
      assert.equal(machine.requests.length, 1);
    }, change);
  });
});

/** Faults of a machine, the error, and the minimum number of requests: some runtimes retry by themselves. */
const FAULTS: readonly [string, MachineFault, RegExp, number][] = [
  ["a web page", "html", /HTTP 200: The response is a web page: is a proxy in between\?$/, 1],
  ["an empty body", { status: 200, body: "" }, /HTTP 200: The response is empty/, 1],
  ["a truncated body", "truncated", /HTTP 200: The response is not the JSON/, 1],
  ["a body that never ends", "endless", /HTTP 200: The response is empty or longer than a megabyte$/, 1],
  ["a body that arrives byte by byte", "slow", /No response within the 1500 ms of "timeoutInMs"$/, 1],
  ["a body that stops", "stalled", /No response within the 1500 ms of "timeoutInMs"$/, 1],
  ["silence", "silent", /No response within the 1500 ms of "timeoutInMs"$/, 1],
  ["a connection that breaks in the middle of the body", "reset", /Cannot get a token for .*: .+/, 6],
  ["a connection that ends at once", "refused", /Cannot get a token for .*: .+/, 6],
  ["a redirect", "redirect", /The service sent a redirect, which is not followed/, 1],
  ["a proxy that cannot reach the service", "unreachable", /HTTP 403: .*unreachable/, 1],
  ["an error of the service", { status: 500 }, /HTTP 500/, 6],
];

for (const name of ["Azure Machine Learning", "Cloud Shell", "Azure Arc"]) {
  describe(`${name} responds with`, () => {
    for (
      const [what, fault, message] of FAULTS.filter(([, , { source }, requests]) =>
        requests === 1 && !source.includes("1500")
      )
    ) {
      test(what, async () => {
        await withMachine(name, async ({ machine, server, create }) => {
          machine.failNext(fault, Infinity);
          const error = await failureOf(create().getToken(VAULT));
          assert.equal(error.name, "AuthenticationError");
          assert.match(error.message, message);
          assert.ok(!error.message.includes("a-simulated-secret"), error.message);
          await server.untilLeft();
        });
      });
    }
  });
}

for (const name of ["App Service", "IMDS"]) {
  describe(`${name} responds with`, () => {
    for (const [what, fault, message, requests] of FAULTS) {
      test(what, async () => {
        await withMachine(name, async ({ machine, server, create }) => {
          // More than the second after which the rate limit of IMDS allows more requests.
          const timeoutInMs = message.source.includes("1500 ms") ? 1500 : 10_000;
          machine.failNext(fault, Infinity);
          const error = await failureOf(create({ timeoutInMs }).getToken(VAULT));
          assert.equal(error.name, "AuthenticationError");
          assert.match(error.message, message);
          assert.ok(!error.message.includes("a-simulated-secret"), error.message);
          assert.ok(machine.requests.length >= requests, String(machine.requests.length));
          // The body is not read further after the error.
          await server.untilLeft();
        });
      });
    }

    test("a connection that breaks once", async () => {
      for (const fault of ["reset", "refused"] as const) {
        await withMachine(name, async ({ machine, create }) => {
          machine.failNext(fault);
          await machine.verify((await create().getToken(VAULT)).token);
          assert.ok(machine.requests.length >= 2);
        });
      }
    });

    test("a refused connection: an AuthenticationError", async () => {
      await withMachine(name, async ({ server, create }) => {
        await server.close();
        const error = await failureOf(create().getToken(VAULT));
        assert.equal(error.name, "AuthenticationError");
        assert.match(error.message, /Cannot reach "127\.0\.0\.1:\d+": .*(ECONNREFUSED|refused|connect)/i);
      });
    });

    test("data that is not HTTP: an AuthenticationError", async () => {
      const { port, close } = await serveTcp((socket) => socket.end("220 mail.example ESMTP\r\n\r\n"));
      await withMachine(name, async ({ machine, create }) => {
        Object.assign(machine.env, LISTENING_MACHINES[name]!.variables(`http://127.0.0.1:${port}`));
        const error = await failureOf(create().getToken(VAULT));
        assert.equal(error.name, "AuthenticationError");
      });
      await close();
    });

    test("the connection is closed when the last caller aborts", async () => {
      for (const fault of ["silent", "stalled", "slow"] as const) {
        await withMachine(name, async ({ machine, server, create }) => {
          machine.failNext(fault);
          const controllers = [new AbortController(), new AbortController()];
          const credential = create();
          const left = controllers.map(({ signal }) => failureOf(credential.getToken(VAULT, { abortSignal: signal })));
          await machine.untilRequested();
          const reason = new Error("Enough");
          for (const controller of controllers) controller.abort(reason);
          assert.deepEqual(await Promise.all(left), [reason, reason]);
          await server.untilLeft();
          assert.equal(machine.requests.length, 1);
        });
      }
    });
  });
}

describe("Service Fabric, over TLS", () => {
  const { thumbprint } = leaf;
  const tls = { cert: leaf.certificate, key: leaf.key };

  test("returns a token to a client that pins its self-signed certificate's thumbprint", async () => {
    for (const known of [thumbprint, thumbprint.toUpperCase(), thumbprint.match(/../g)!.join(":")]) {
      const machine = createServiceFabricNode({ thumbprint: known });
      const server = await serveHttps(machine.handle, tls);
      machine.env.IDENTITY_ENDPOINT = `${server.url}/metadata/identity/oauth2/token`;
      const { env, fetch } = machine.options;
      const { token } = await new ManagedIdentityCredential({ env, fetch }).getToken(VAULT);
      assert.equal((await machine.verify(token)).aud, "https://vault.azure.net");
      assert.equal(machine.requests[0]!.headers.secret, machine.env.IDENTITY_HEADER);
      await server.close();
    }
  });

  test("another thumbprint causes an AuthenticationError without a retry, and no byte of the request is sent", async () => {
    const server = await serveTls(leaf, () => {});
    const env = createServiceFabricNode({ thumbprint: `00${thumbprint.slice(2)}` }).env;
    env.IDENTITY_ENDPOINT = `https://127.0.0.1:${server.port}/metadata/identity/oauth2/token`;
    // If it were retried, the wait before the next attempt would never end.
    const options = { env, runtime: { sleep: () => new Promise<void>(() => {}) } };
    const error = await failureOf(new ManagedIdentityCredential(options).getToken(VAULT));
    assert.equal(error.name, "AuthenticationError");
    assert.match(error.message, new RegExp(`The thumbprint of the server's certificate is "${thumbprint}", not "00`));
    await server.untilLeft();
    assert.equal(server.received, "");
    await server.close();
  });

  test("an endpoint without TLS is rejected and receives nothing", async () => {
    const { port, received, close } = await serveTcp(() => {});
    const env = createServiceFabricNode({ thumbprint }).env;
    env.IDENTITY_ENDPOINT = `http://127.0.0.1:${port}/metadata/identity/oauth2/token`;
    const error = await failureOf(new ManagedIdentityCredential({ env }).getToken(VAULT));
    assert.match(error.message, /Cannot use the variable IDENTITY_ENDPOINT: It must be a URL with "https:"/);
    assert.equal(received(), undefined);
    await close();
  });

  test("a server without TLS causes an AuthenticationError", async () => {
    const { port, received, close } = await serveTcp((socket) => socket.end("HTTP/1.1 200 OK\r\n\r\n"));
    const env = createServiceFabricNode({ thumbprint }).env;
    env.IDENTITY_ENDPOINT = `https://127.0.0.1:${port}/metadata/identity/oauth2/token`;
    const options = { env, retryOptions: { maxRetries: 0 } };
    const error = await failureOf(new ManagedIdentityCredential(options).getToken(VAULT));
    assert.equal(error.name, "AuthenticationError");
    assert.ok(!received()?.includes("a-simulated-secret"));
    await close();
  });

  for (const status of [301, 302, 303, 307, 308]) {
    test(`a redirect (${status}) is not followed`, async () => {
      const other = await serveTls(leaf, () => {});
      const location = `https://127.0.0.1:${other.port}/`;
      const server = await serveTls(leaf, (socket) => {
        socket.end(`HTTP/1.1 ${status} Away\r\nlocation: ${location}\r\ncontent-length: 0\r\n\r\n`);
      });
      const env = createServiceFabricNode({ thumbprint }).env;
      env.IDENTITY_ENDPOINT = `https://127.0.0.1:${server.port}/metadata/identity/oauth2/token`;
      const error = await failureOf(new ManagedIdentityCredential({ env }).getToken(VAULT));
      assert.equal(error.statusCode, status);
      assert.match(error.message, /The service sent a redirect, which is not followed/);
      assert.match(server.received, /^GET /);
      assert.equal(other.received, "");
      await Promise.all([server.close(), other.close()]);
    });
  }
});

test("a source that compresses responses, unless the client refuses that, returns a token", async () => {
  const machine = createAppService();
  const server = await serveHttp(async (request) => {
    const response = await machine.handle(request);
    if (request.headers.get("accept-encoding") === "identity") return response;
    const body = gzipSync(await response.text());
    return new Response(Uint8Array.from(body), { headers: { "content-encoding": "gzip" } });
  });
  const { runtime } = machine.options;
  const env = { ...machine.env, IDENTITY_ENDPOINT: `${server.url}/msi/token` };
  const { token } = await new ManagedIdentityCredential({ env, runtime }).getToken(VAULT);
  assert.equal((await machine.verify(token)).appid, SYSTEM);
  await server.close();
});

for (const name of ["App Service", "IMDS"]) {
  test(`${name}: the proxy that the variables name receives no request`, async () => {
    const seen: string[] = [];
    const proxy = await serveHttp((request) => {
      seen.push(`${request.method} ${request.url}`);
      return Promise.resolve(new Response("of the proxy"));
    });
    await withMachine(name, async ({ machine, url }) => {
      const ordinary = `${url}/ordinary`;
      const { ended } = startModule("token_process", {
        env: {
          ...Object.fromEntries(
            ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
              .map((name) => [name, proxy.url.replace("//", "//user:a-proxy-password@")]),
          ),
          NODE_USE_ENV_PROXY: "1",
          ...machine.env,
          ORDINARY_URL: ordinary,
        },
      });
      const { code, stdout, stderr } = await ended;
      assert.equal(code, 0, stdout + stderr);
      const token = /^token (.+)$/m.exec(stdout)![1]!;
      assert.equal((await machine.verify(token)).appid, SYSTEM);
      assert.deepEqual(Object.keys(machine.requests[0]!.headers).filter((name) => name.startsWith("proxy-")), []);
      // The ordinary request shows that the proxy works. Older versions of Node ignore the variables.
      const obeys = detectPlatform() !== "node" || /^ordinary of the proxy$/m.test(stdout);
      assert.deepEqual(seen.map((line) => new URL(line.replace("GET ", "")).pathname), obeys ? ["/ordinary"] : []);
    });
    await proxy.close();
  });
}

async function serveTcp(respond: (socket: Socket) => void) {
  let received: string | undefined;
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    received ??= "";
    socket.on("error", () => {}).on("data", (data) => {
      received += String(data);
      respond(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    received: () => received,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}
