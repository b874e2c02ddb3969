// Runs on: deno, node, bun
// A simulated pod: files that are replaced while the program runs, and a token proxy with real TLS.
import { WorkloadIdentityCredential } from "@azweb/identity";
import { createRuntime } from "@azweb/identity/runtime";
import { type AksProxy, createAksProxy } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  type CertificateAuthority,
  createCertificateAuthority,
} from "../support/certificates/certificate_authority.ts";
import { CLIENT, createWorkload, SCOPE, serviceAccountToken, TENANT } from "../support/workload.ts";

const SNI_NAME = "00000000.ests.aks.example";
const variables = { AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT };
let folder: string;
before(async () => void (folder = await mkdtemp(join(tmpdir(), "azweb-workload-"))));
after(() => rm(folder, { recursive: true }));

/**
 * Replaces the token file of a volume like the kubelet: the file is in a folder behind a symbolic link, which is
 * replaced atomically. Returns the path of the file.
 */
async function replaceTokenFile(volume: string, text: string): Promise<string> {
  const version = crypto.randomUUID();
  await mkdir(join(volume, version), { recursive: true });
  await writeFile(join(volume, version, "token"), text);
  await symlink(version, join(volume, "..data_tmp"));
  await rename(join(volume, "..data_tmp"), join(volume, "..data"));
  const path = join(volume, "token");
  await symlink(join("..data", "token"), path).catch(() => {}); // The link already exists.
  return path;
}

test("reads the new token after the volume's token file was replaced", async () => {
  const { clock, entra } = await createWorkload();
  const volume = join(folder, "volume");
  const { now, sleep } = clock;
  const tokens: string[] = [];
  let credential: WorkloadIdentityCredential | undefined;
  for (let hour = 0; hour < 5; hour++) {
    tokens.push(await serviceAccountToken({ jti: String(hour) }, now()));
    const path = await replaceTokenFile(volume, tokens[hour]!);
    credential ??= new WorkloadIdentityCredential({
      env: { ...variables, AZURE_FEDERATED_TOKEN_FILE: path },
      fetch: entra.fetch,
      runtime: { now, sleep },
    });
    await credential.getToken(SCOPE);
    await clock.advance(3_600_000);
  }
  assert.deepEqual(entra.requests.map(({ form }) => form.client_assertion), tokens);
  await rm(volume, { recursive: true });
  await assert.rejects(credential!.getToken(SCOPE), {
    name: "AuthenticationError",
    message: /Cannot read the token file of AZURE_FEDERATED_TOKEN_FILE, ".*token": /,
  });
});

test("a folder instead of the token file causes an AuthenticationError", async () => {
  const env = { ...variables, AZURE_FEDERATED_TOKEN_FILE: folder };
  await assert.rejects(new WorkloadIdentityCredential({ env }).getToken(SCOPE), { name: "AuthenticationError" });
});

test("fileExists of createRuntime() returns whether a file exists", async () => {
  const path = join(folder, "there");
  assert.equal(await createRuntime().fileExists!(path), false);
  await writeFile(path, "");
  assert.equal(await createRuntime().fileExists!(path), true);
});

describe("the token proxy over TLS", () => {
  interface Cluster {
    readonly proxy: AksProxy;
    readonly credential: WorkloadIdentityCredential;
    readonly caFile: string;
    readonly authority: CertificateAuthority;
    /** Restarts the proxy with a certificate of the CA for the name. */
    rotate(authority: CertificateAuthority, name?: string): Promise<void>;
  }

  const servers = new Set<Server>();
  after(() => Promise.all([...servers].map(close)));

  function close(server: Server): Promise<void> {
    servers.delete(server);
    return new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }

  async function serve(proxy: AksProxy, authority: CertificateAuthority, name: string, port = 0): Promise<Server> {
    const { certificate, key } = await authority.issue([name]);
    const server = createServer({ cert: certificate, key }, async (incoming, outgoing) => {
      const chunks: Uint8Array<ArrayBuffer>[] = [];
      for await (const chunk of incoming) chunks.push(chunk);
      const { method = "GET", headers, url } = incoming;
      const init = { method, headers: { "content-type": String(headers["content-type"]) }, body: new Blob(chunks) };
      const response = await proxy.handle(new Request(`https://${headers.host}${url}`, init));
      outgoing.writeHead(response.status, Object.fromEntries(response.headers)).end(await response.text());
    });
    servers.add(server.on("tlsClientError", () => {}));
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
    return server;
  }

  async function setUp(): Promise<Cluster> {
    const { entra } = await createWorkload();
    const proxy = createAksProxy({ fetch: entra.fetch, path: "/tokens" });
    const authority = await createCertificateAuthority();
    let server = await serve(proxy, authority, SNI_NAME);
    const { port } = server.address() as AddressInfo;
    const caFile = join(folder, `${crypto.randomUUID()}.crt`);
    const path = join(folder, crypto.randomUUID());
    await writeFile(caFile, authority.certificate);
    await writeFile(path, await serviceAccountToken());
    const clock = (await createWorkload()).clock;
    const credential = new WorkloadIdentityCredential({
      env: {
        ...variables,
        AZURE_FEDERATED_TOKEN_FILE: path,
        AZURE_KUBERNETES_TOKEN_PROXY: `https://localhost:${port}/tokens`,
        AZURE_KUBERNETES_SNI_NAME: SNI_NAME,
        AZURE_KUBERNETES_CA_FILE: caFile,
      },
      enableAzureProxy: true,
      cache: false,
      retryOptions: { maxRetries: 0 },
      runtime: { now: clock.now },
    });
    return {
      proxy,
      credential,
      caFile,
      authority,
      async rotate(authority, name = SNI_NAME) {
        await close(server);
        server = await serve(proxy, authority, name, port);
      },
    };
  }

  test("receives the token request", async () => {
    const { credential, proxy } = await setUp();
    await credential.getToken(SCOPE);
    const [{ method, path, form }] = proxy.requests as [typeof proxy.requests[number]];
    assert.deepEqual([method, path], ["POST", `/tokens/${TENANT}/oauth2/v2.0/token`]);
    assert.equal(form.client_id, CLIENT);
  });

  test("is trusted again after it has changed its CA, once the CA file has the new one", async () => {
    const { caFile, credential, proxy, rotate } = await setUp();
    await credential.getToken(SCOPE);
    const next = await createCertificateAuthority();
    await rotate(next);
    await assert.rejects(credential.getToken(SCOPE), { name: "AuthenticationError", statusCode: 0 });
    await writeFile(caFile, "");
    await assert.rejects(credential.getToken(SCOPE), { name: "AuthenticationError", statusCode: 0 });
    assert.equal(proxy.requests.length, 1);
    await writeFile(caFile, next.certificate);
    await credential.getToken(SCOPE);
    assert.equal(proxy.requests.length, 2);
  });

  test("receives no request if its certificate is for another name", async () => {
    const { authority, credential, proxy, rotate } = await setUp();
    await rotate(authority, "localhost");
    await assert.rejects(credential.getToken(SCOPE), /altnames|certificate/i);
    assert.equal(proxy.requests.length, 0);
  });
});
