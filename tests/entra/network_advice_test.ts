// Runs on: deno, node, bun
// The next step for each cause of a network failure. The connections are real, and so are the errors of the runtime.
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import { type AddressInfo, createServer as createTcpServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  type CertificateAuthority,
  createCertificateAuthority,
} from "../support/certificates/certificate_authority.ts";
import { startModule, stopModules, trust } from "../support/child.ts";
import { followConnections } from "../support/connections.ts";
import { startTunnel } from "../support/tunnel.ts";

const TWO_DAYS = 172_800_000;

let folder: string;
let authority: CertificateAuthority;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "azweb-network-"));
  authority = await createCertificateAuthority();
  await writeFile(join(folder, "ca.pem"), authority.certificate);
});
after(async () => {
  await stopModules();
  await rm(folder, { recursive: true });
});

/** A network: the URL of the token service, and the variables with which a program can reach it. */
interface Network {
  readonly url: string;
  readonly env?: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

async function listen(server: Server): Promise<Network> {
  const { close } = followConnections(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}`,
    close,
  };
}

/** Serves a web page over TLS. */
async function serve(options: { names?: string[]; validFrom?: number; chain?: boolean } = {}): Promise<Network> {
  const { names = ["localhost"], validFrom, chain = false } = options;
  const { certificate, key } = await authority.issue(names, validFrom);
  const cert = chain ? `${certificate}\n${authority.certificate}` : certificate;
  return await listen(createServer({ cert, key }, (_, response) => response.end("<html>Accept the terms</html>")));
}

/** Returns a URL at which connections are refused. */
async function refuse(): Promise<Network> {
  const { close, ...network } = await listen(createTcpServer());
  await close();
  return { ...network, close: () => Promise.resolve() };
}

/** Starts a proxy that refuses connections to the token service. */
async function byProxy(user?: string): Promise<Network> {
  const { url, close } = await startTunnel("other.invalid", 9, user === undefined ? {} : { user });
  return { url: "https://entra.invalid", env: { HTTPS_PROXY: url }, close };
}

/** Returns the variables with which a program trusts the certificate authority. */
function trusted(): Record<string, string> {
  return trust(join(folder, "ca.pem"));
}

/** For each cause: the network, further variables of the program, and the expected next step. */
const CAUSES: Readonly<Record<string, [() => Promise<Network>, () => Record<string, string>, RegExp]>> = {
  "a certificate that is not yet valid": [
    () => serve({ validFrom: Date.now() + TWO_DAYS }),
    trusted,
    /\. Set the clock of this machine, which seems to be slow /,
  ],
  "a certificate that has expired": [
    () => serve({ validFrom: Date.now() - TWO_DAYS }),
    trusted,
    /\. Check the clock of this machine: if it is right, the certificate of the server or of a proxy must be renewed /,
  ],
  "an unknown certification authority": [
    serve,
    () => ({}),
    /\. If a proxy inspects TLS, trust .* NODE_EXTRA_CA_CERTS=.* --use-system-ca .* DENO_CERT=.* DENO_TLS_CA_STORE=/,
  ],
  "an unknown certification authority in the chain": [
    () => serve({ chain: true }),
    () => ({}),
    /\. If a proxy inspects TLS, trust the certification authority of your company/,
  ],
  "the certificate of another host": [
    () => serve({ names: ["elsewhere.test"] }),
    trusted,
    /\. Another server has responded: check the host\. Sign in to the network if it has a sign-in page/,
  ],
  "a host that does not exist": [
    () => Promise.resolve({ url: "https://entra.invalid", close: () => Promise.resolve() }),
    () => ({}),
    /\. Check the name of the host and the DNS settings; if there is a proxy, set HTTPS_PROXY /,
  ],
  "a refused connection": [refuse, () => ({}), /\. Check the host and the port, .*HTTPS_PROXY, and that no firewall /],
  "a proxy that requires a user": [
    () => byProxy("jo:a-password"),
    () => ({}),
    /\. Put the user name and the password, percent-encoded, into the URL of the proxy: http:\/\/user:password@host:port/,
  ],
  "a proxy that refuses the host": [byProxy, () => ({}), /\. The proxy refuses the connection: have it allow the host/],
  "a web page": [serve, trusted, /web page: is a proxy in between\?\. Sign in to the network if it has a sign-in page/],
};

for (const [cause, [start, variables, nextStep]] of Object.entries(CAUSES)) {
  test(`the next step for ${cause}`, async () => {
    const { url, env, close } = await start();
    const { stdout, stderr } = await startModule("runtime/proxied_process", {
      env: {
        AZURE_AUTHORITY_HOST: url,
        AZURE_TENANT_ID: "11111111-2222-3333-4444-555555555555",
        AZURE_CLIENT_ID: "app",
        AZURE_CLIENT_SECRET: "a-secret",
        ...variables(),
        ...env,
      },
    }).ended;
    await close();
    assert.match(stdout, /^error EnvironmentCredential: Cannot get a token for /, stderr);
    assert.match(stdout, nextStep);
    // The general next step is not added.
    assert.doesNotMatch(stdout, /Check the network/);
  });
}
