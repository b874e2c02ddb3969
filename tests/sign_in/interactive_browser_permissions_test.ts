// Runs on: deno
// The Deno permissions that a browser sign-in needs: Deno never prompts for one, and the error names the exact flag.
// Each sign-in runs in its own process.
import assert from "node:assert/strict";
import { test } from "node:test";
import { COUNT_QUESTIONS, runWithFlags } from "../support/permissions.ts";

const TOKEN_HOST = "login.microsoftonline.com";
const NET = `--allow-net=127.0.0.1,[::1],${TOKEN_HOST}`;

/** Returns the outcome of a sign-in and the number of permission prompts. */
async function signIn(flags: string[], options = ""): Promise<string> {
  return await runWithFlags(
    flags,
    `
    ${COUNT_QUESTIONS}
    const { InteractiveBrowserCredential } = await import("@azweb/identity");
    const credential = new InteractiveBrowserCredential({
      tenantId: "contoso.com", authorityHost: "https://${TOKEN_HOST}", env: {}, ${options}
    });
    const { name, message } = await credential.getToken("https://vault.azure.net/.default").catch((error) => error);
    console.log(name + " / " + message, "/", questions);
  `,
  );
}

/** Options with a browser whose user declines. */
const DECLINE = `
  runtime: {
    async openUrl(url) {
      const { searchParams: parameters } = new URL(url);
      const body = new URLSearchParams({ error: "declined", state: parameters.get("state") });
      const { port } = new URL(parameters.get("redirect_uri"));
      await fetch("http://127.0.0.1:" + port, { method: "POST", body });
    },
  },`;

const DECLINED = "AuthenticationError / InteractiveBrowserCredential: Cannot sign in: declined / 0";

const SUFFICIENT: [flag: string, options?: string][] = [
  [NET],
  [`--allow-net=127.0.0.1,${TOKEN_HOST}`],
  [`--allow-net=127.0.0.1,${TOKEN_HOST}:443`],
  ["--allow-net"],
  ["--allow-net=127.0.0.1", "fetch() {},"],
];
for (const [flag, options = ""] of SUFFICIENT) {
  test(`${flag} is sufficient to sign in without a prompt: ${options || "no options"}`, async () => {
    assert.equal(await signIn([flag], options + DECLINE), DECLINED);
  });
}

const NO_LOOPBACK = "Cannot prompt the user to sign in: Serving a loopback address is not permitted";
const UNREACHABLE = `Cannot reach "${TOKEN_HOST}"`;

const INSUFFICIENT: [flag: string, reason: string, hosts: string, options?: string][] = [
  ["--no-prompt", UNREACHABLE, `127.0.0.1,[::1],${TOKEN_HOST}`],
  ["--deny-net", UNREACHABLE, `127.0.0.1,[::1],${TOKEN_HOST}`],
  ["--allow-net=127.0.0.1,[::1]", UNREACHABLE, `127.0.0.1,[::1],${TOKEN_HOST}`],
  [`--allow-net=127.0.0.1,${TOKEN_HOST}:80`, UNREACHABLE, `127.0.0.1,[::1],${TOKEN_HOST}`],
  [`--allow-net=${TOKEN_HOST}`, NO_LOOPBACK, `127.0.0.1,[::1],${TOKEN_HOST}`],
  [`--allow-net=localhost,${TOKEN_HOST}`, NO_LOOPBACK, `127.0.0.1,[::1],${TOKEN_HOST}`],
  [`--allow-net=[::1],${TOKEN_HOST}`, NO_LOOPBACK, `127.0.0.1,[::1],${TOKEN_HOST}`],
  [
    NET,
    'Cannot reach "login.microsoftonline.us"',
    "127.0.0.1,[::1],login.microsoftonline.us",
    'authorityHost: "https://login.microsoftonline.us",',
  ],
  ["--deny-net", NO_LOOPBACK, "127.0.0.1,[::1]", "fetch() {},"],
];
for (const [flag, reason, hosts, options = ""] of INSUFFICIENT) {
  test(`with ${flag}, the error names the missing flag before a browser is opened: ${options || hosts}`, async () => {
    const next = reason === NO_LOOPBACK ? ", or use DeviceCodeCredential" : "";
    const start = "AuthenticationError / InteractiveBrowserCredential: ";
    const output = await signIn([flag], options + DECLINE);
    assert.equal(output, `${start}${reason}: Run Deno with --allow-net='${hosts}'${next} / 0`);
    assert.equal(await signIn([`--allow-net=${hosts}`], options + DECLINE), DECLINED);
  });
}

test("with a custom loopback server, the error names only the permission for the token service", async () => {
  assert.equal(
    await signIn([], "runtime: { listen() {}, openUrl() {} }"),
    "AuthenticationError / InteractiveBrowserCredential: " +
      `${UNREACHABLE}: Run Deno with --allow-net=${TOKEN_HOST} / 0`,
  );
});

test("a fixed port needs only the permission for that port", async () => {
  const probe = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = probe.addr;
  probe.close();
  const flag = `--allow-net=127.0.0.1:${port},${TOKEN_HOST}`;
  assert.equal(await signIn([flag], `redirectUri: "http://localhost:${port}", ${DECLINE}`), DECLINED);
});

test("an AuthenticationError names the missing flag to open a browser, without a prompt", async () => {
  const opener = Deno.build.os === "darwin" ? "/usr/bin/open" : "/usr/bin/xdg-open";
  assert.equal(
    await signIn([NET]),
    "AuthenticationError / InteractiveBrowserCredential: Cannot prompt the user to sign in: Opening a browser is not permitted: " +
      `Run Deno with --allow-run=${opener}, set "log", which receives the URL, or use DeviceCodeCredential / 0`,
  );
});

test("the error of createRuntime().listen names its flag, without a prompt", async () => {
  const code = `
    ${COUNT_QUESTIONS}
    const { createRuntime } = await import("@azweb/identity/runtime");
    const { name, message } = await createRuntime().listen(() => {}).catch((error) => error);
    console.log(name + " / " + message, "/", questions);
  `;
  assert.equal(await runWithFlags([], code), "NotCapable / Run Deno with --allow-net='127.0.0.1,[::1]' / 0");
});
