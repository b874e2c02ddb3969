// Runs on: deno, node, bun
// A user signs in in the system's browser. The responses come over real connections; the test acts as the browser.
import type { InteractiveBrowserCredentialOptions, LogEvent } from "@azweb/identity";
import { createRuntime } from "@azweb/identity/runtime";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { networkInterfaces, platform, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterEach, test } from "node:test";
import { startModule, stopModules } from "../support/child.ts";
import { breathe, CLIENT, failureOf, jsonAnswer, SCOPE, TENANT } from "../support/service.ts";
import {
  createStage,
  readShown,
  sendBack,
  type Shown,
  type Stage,
  type StageOptions,
  USER,
  userAnswer,
} from "../support/sign_in/sign_in.ts";

const OTHER_SCOPE = "https://vault.azure.net/.default";

/** Cleanup functions that run after a test. */
const remains: (() => void)[] = [];

afterEach(async () => {
  for (const putAway of remains.splice(0)) putAway();
  await stopModules();
});

/** Sends the authorization response of a successful sign-in. */
function accept(shown: Shown, mode: "form_post" | "query" = "form_post"): Promise<Response> {
  return sendBack(shown, [["code", "a-code"], ["state", shown.state]], mode);
}

function portOf({ redirectUri }: Shown): number {
  return Number(new URL(redirectUri).port);
}

/** Starts a sign-in, and waits until the browser is opened. */
async function begin(
  options: StageOptions = {},
): Promise<Stage & { shown1: Shown; token: Promise<string> }> {
  const stage = createStage(options);
  const token = stage.credential.getToken(SCOPE).then(({ token }) => token);
  token.catch(() => {});
  return { ...stage, shown1: await stage.untilShown(), token };
}

/** Sends a string over a new connection and keeps that open. Returns what is received until the server closes it. */
function sendRaw(port: number, text: string, host = "127.0.0.1"): { received: Promise<string>; socket: Socket } {
  const socket = connect(port, host);
  let all = "";
  const received = new Promise<string>((resolve) =>
    socket.setEncoding("latin1").on("data", (some) => all += some).on("error", () => {}).on("close", () => resolve(all))
  );
  socket.write(text);
  return { received, socket };
}

/** Resolves when the connection is established. */
async function connected(socket: Socket): Promise<void> {
  if (socket.connecting) await new Promise((resolve) => socket.once("connect", resolve));
}

function isOpen(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    }).on("error", () => resolve(false));
  });
}

async function assertFree(port: number): Promise<void> {
  for (const host of ["127.0.0.1", "::1"]) assert.equal(await isOpen(port, host), false, host);
}

async function listen(port = 0, host = "127.0.0.1"): Promise<{ port: number; close(): Promise<void> }> {
  const server: Server = createServer();
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, host, resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

for (const mode of ["form_post", "query"] as const) {
  test(`a response by ${mode} results in a token, and its code needs the code verifier`, async () => {
    const { shown1, token, service } = await begin();
    const page = await accept(shown1, mode);
    assert.equal(page.status, 200);
    assert.match(await page.text(), /<h1>Signed in<\/h1>/);
    assert.equal(await token, "token-0");
    const { form } = service.requests[0]!;
    const { code_verifier = "", "client-request-id": id, "x-client-VER": version, ...rest } = form;
    assert.deepEqual(rest, {
      client_id: CLIENT,
      grant_type: "authorization_code",
      code: "a-code",
      redirect_uri: shown1.redirectUri,
      scope: `${SCOPE} openid profile offline_access`,
      client_info: "1",
      "x-client-SKU": "azweb.identity",
    });
    assert.ok(id && version);
    assert.match(code_verifier, /^[\w-]{43}$/);
    const challenge = createHash("sha256").update(code_verifier).digest("base64url");
    assert.equal(shown1.url.searchParams.get("code_challenge"), challenge);
    await assertFree(portOf(shown1));
  });
}

for (const host of ["127.0.0.1", "[::1]", "localhost"]) {
  test(`the browser may resolve localhost to ${host}`, async () => {
    const { shown1, token } = await begin();
    const redirectUri = `http://${host}:${portOf(shown1)}`;
    assert.equal((await accept({ ...shown1, redirectUri })).status, 200);
    assert.equal(await token, "token-0");
  });
}

test("the parameters of the authorization request", async () => {
  const { shown1, token, credential, untilShown } = await begin();
  const { state, nonce, code_challenge, redirect_uri, ...rest } = Object.fromEntries(shown1.url.searchParams);
  assert.equal(
    shown1.url.origin + shown1.url.pathname,
    `https://login.microsoftonline.com/${TENANT}/oauth2/v2.0/authorize`,
  );
  assert.deepEqual(rest, {
    client_id: CLIENT,
    response_type: "code",
    response_mode: "form_post",
    scope: `${SCOPE} openid profile offline_access`,
    code_challenge_method: "S256",
    client_info: "1",
    prompt: "select_account",
  });
  assert.match(redirect_uri!, /^http:\/\/localhost:\d+$/);
  for (const value of [state, nonce, code_challenge]) assert.match(value!, /^[\w-]{43}$/);
  await accept(shown1);
  await token;

  const again = credential.authenticate(SCOPE);
  const shown2 = await untilShown();
  for (const name of ["state", "nonce", "code_challenge"]) {
    assert.notEqual(shown2.url.searchParams.get(name), shown1.url.searchParams.get(name), name);
  }
  await accept(shown2);
  assert.equal((await again)?.username, USER);
});

test("the login hint, claims and the client capability are part of the authorization request", async () => {
  const stage = createStage({ loginHint: USER, domainHint: "contoso.com" });
  const claims = '{"access_token":{"nbf":{"essential":true,"value":"1"}}}';
  const token = stage.credential.getToken(SCOPE, { claims, enableCae: true });
  const shown = await stage.untilShown();
  const { prompt, login_hint, domain_hint, claims: sent } = Object.fromEntries(shown.url.searchParams);
  assert.deepEqual([prompt, login_hint, domain_hint], ["login", USER, "contoso.com"]);
  assert.deepEqual(JSON.parse(sent!), {
    access_token: { nbf: { essential: true, value: "1" }, xms_cc: { values: ["cp1"] } },
  });
  await accept(shown);
  await token;
  assert.equal(stage.service.requests[0]!.form.claims, sent);
});

test("a later sign-in has the account's user name as its login hint", async () => {
  const record = { authority: "login.microsoftonline.com", homeAccountId: `jo.${TENANT}`, tenantId: TENANT };
  const authenticationRecord = { ...record, clientId: CLIENT, username: USER };
  const { shown1, token } = await begin({ authenticationRecord });
  assert.equal(shown1.url.searchParams.get("login_hint"), USER);
  await accept(shown1);
  assert.equal(await token, "token-0");
});

for (const mode of ["form_post", "query"] as const) {
  for (
    const [name, states] of Object.entries<(state: string) => string[]>({
      wrong: () => ["another"],
      missing: () => [],
      empty: () => [""],
      doubled: (state) => [state, state],
      "preceded by another": (state) => ["another", state],
      longer: (state) => [`${state}a`],
    })
  ) {
    test(`a state that is ${name} (${mode}) is ignored, and the sign-in stays pending`, async () => {
      const { shown1, token, service } = await begin();
      for (const field of [["code", "of an attacker"], ["error", "access_denied"]] as const) {
        const fields = states(shown1.state).map((state) => ["state", state] as const);
        const page = await sendBack(shown1, [field, ...fields], mode);
        assert.equal(page.status, 400);
        assert.match(await page.text(), /<h1>Not expected<\/h1>/);
      }
      assert.equal(service.requests.length, 0);
      await accept(shown1);
      assert.equal(await token, "token-0");
      assert.equal(service.requests[0]!.form.code, "a-code");
    });
  }
}

test("the first response is used: a second one, with or without a state, is rejected", async () => {
  let redeem = () => {};
  const waits = new Promise<void>((resolve) => redeem = resolve);
  const { shown1, token, service } = await begin({ answer: (right) => waits.then(right) });
  const first = accept(shown1);
  await service.untilRequested(1);
  for (const fields of [[["code", "another"], ["state", shown1.state]], [["code", "another"]]] as const) {
    assert.equal((await sendBack(shown1, fields)).status, 400);
  }
  redeem();
  assert.equal((await first).status, 200);
  await token;
  assert.deepEqual(service.requests.map(({ form }) => form.code), ["a-code"]);
});

test("the user declines", async () => {
  const { shown1, token } = await begin();
  const page = await sendBack(shown1, [
    ["error", "access_denied"],
    ["error_description", "AADSTS65004: User declined <b>to consent</b>\r\nTrace ID: 1\r\nCorrelation ID: 2"],
    ["state", shown1.state],
  ]);
  assert.equal(page.status, 400);
  const html = await page.text();
  assert.match(html, /<h1>Not signed in<\/h1>/);
  assert.doesNotMatch(html, /AADSTS/);
  const error = await failureOf(token);
  assert.equal(error.name, "AuthenticationError");
  assert.equal(
    error.message,
    "InteractiveBrowserCredential: Cannot sign in: access_denied. AADSTS65004: User declined <b>to consent</b>",
  );
  assert.equal((error.errorResponse as { error?: unknown }).error, "access_denied");
  await assertFree(portOf(shown1));
});

test("a response without a code", async () => {
  const { shown1, token } = await begin();
  assert.equal((await sendBack(shown1, [["state", shown1.state]])).status, 400);
  assert.match((await failureOf(token)).message, /: Cannot sign in: The response has no code$/);
});

const EXTERNAL_ISSUER = `https://${TENANT}.ciamlogin.com/${TENANT}/v2.0`;

test("a response with an error and a code is an error, and its code is not redeemed", async () => {
  const { shown1, token, service } = await begin();
  const fields = [["error", "access_denied"], ["code", "a-code"], ["state", shown1.state]] as const;
  assert.equal((await sendBack(shown1, fields)).status, 400);
  assert.match((await failureOf(token)).message, /: Cannot sign in: access_denied$/);
  assert.equal(service.requests.length, 0);
});

for (
  const iss of [
    "https://evil.example",
    "nothing",
    "",
    "https://login.microsoftonline.com.evil.example/v2.0",
    EXTERNAL_ISSUER,
  ]
) {
  test(`the code of a response from another issuer is not redeemed (RFC 9207): "${iss}"`, async () => {
    const { shown1, token, service } = await begin();
    const page = await sendBack(shown1, [["code", "a-code"], ["state", shown1.state], ["iss", iss]]);
    assert.equal(page.status, 400);
    const error = await failureOf(token);
    assert.equal(error.name, "AuthenticationError");
    const got = URL.canParse(iss)
      ? `, got ${new URL(iss).origin}/${iss === EXTERNAL_ISSUER ? `${TENANT}/v2.0` : "…"}`
      : "";
    const message =
      `The response is from another issuer: expected https://login.microsoftonline.com/${TENANT}/v2.0${got}`;
    assert.ok(error.message.endsWith(message), error.message);
    assert.equal(service.requests.length, 0);
  });
}

for (
  const [name, value] of [["code", "another"], ["iss", `https://login.microsoftonline.com/${TENANT}/v2.0`]] as const
) {
  test(`the code of a response with two "${name}" parameters is not redeemed`, async () => {
    const { shown1, token, service } = await begin();
    const page = await sendBack(shown1, [["code", "a-code"], ["state", shown1.state], [name, value], [name, value]]);
    assert.equal(page.status, 400);
    assert.match(
      (await failureOf(token)).message,
      new RegExp(`: Cannot sign in: The response has several "${name}" parameters$`),
    );
    assert.equal(service.requests.length, 0);
  });
}

test("a response may name its issuer by any host of the cloud", async () => {
  for (const host of ["login.microsoftonline.com", "login.windows.net"]) {
    const { shown1, token } = await begin();
    await sendBack(shown1, [["code", "a-code"], ["state", shown1.state], ["iss", `https://${host}/${TENANT}/v2.0`]]);
    assert.equal(await token, "token-0");
  }
});

for (
  const [reason, idToken] of Object.entries({
    "It belongs to another sign-in": { nonce: "of another sign-in" },
    "It is for another app": { aud: "another-app" },
    "It is from another issuer": { iss: `https://evil.example/${TENANT}/v2.0` },
    "It has expired": { exp: 1 },
  })
) {
  test(`an ID token is rejected: ${reason}`, async () => {
    const { shown1, token, credential, untilShown } = await begin({ idToken });
    const page = await accept(shown1);
    assert.equal(page.status, 400);
    assert.match(await page.text(), /<h1>Not signed in<\/h1>/);
    const error = await failureOf(token);
    assert.equal(error.name, "AuthenticationError");
    assert.match(error.message, new RegExp(`^InteractiveBrowserCredential: Cannot use the ID token: ${reason}`));
    // Nothing is cached: the next call starts a new sign-in.
    const controller = new AbortController();
    const next = credential.getToken(OTHER_SCOPE, { abortSignal: controller.signal });
    await untilShown();
    controller.abort();
    await failureOf(next);
  });
}

test("a response without an ID token is rejected", async () => {
  const { shown1, token } = await begin({
    answer: () => jsonAnswer({ token_type: "Bearer", expires_in: 3600, access_token: "a-token" }),
  });
  await accept(shown1);
  assert.match((await failureOf(token)).message, /Cannot use the ID token: The response has no ID token$/);
});

test("the page says whether the code was redeemed", async () => {
  const { shown1, token } = await begin({
    answer: () => jsonAnswer({ error: "invalid_grant", error_description: "AADSTS54005: used" }, { status: 400 }),
  });
  const page = await accept(shown1);
  assert.equal(page.status, 400);
  assert.match(await page.text(), /<h1>Not signed in<\/h1>/);
  assert.match((await failureOf(token)).message, /invalid_grant/);
  await assertFree(portOf(shown1));
});

test("neither messages nor events contain the code, the verifier or the tokens", async () => {
  const events: LogEvent[] = [];
  const description = (form: Readonly<Record<string, string>>) => `AADSTS1: ${form.code} ${form.code_verifier}`;
  const { shown1, token, service } = await begin({
    log: (event) => events.push(event),
    answer: (_, form) => jsonAnswer({ error: "invalid_grant", error_description: description(form) }, { status: 400 }),
  });
  const page = await (await accept(shown1)).text();
  const { message } = await failureOf(token);
  const { code = "", code_verifier = "" } = service.requests[0]!.form;
  for (const text of [page, message, JSON.stringify(events)]) {
    assert.ok(!text.includes(code_verifier) && !text.includes(` ${code} `), text);
  }
});

test("other requests are rejected, and the sign-in stays pending", async () => {
  const { shown1, token } = await begin();
  const port = portOf(shown1);
  const base = `http://127.0.0.1:${port}`;
  const parameters = `code=a-code&state=${shown1.state}`;
  const form = { "content-type": "application/x-www-form-urlencoded" };
  const rejected: [number, string, RequestInit][] = [
    [404, `/favicon.ico?${parameters}`, {}],
    [404, "/other", { method: "POST", body: parameters, headers: form }],
    [405, `/?${parameters}`, { method: "PUT", body: parameters, headers: form }],
    [405, `/?${parameters}`, { method: "DELETE" }],
    [405, `/?${parameters}`, { method: "OPTIONS" }],
    [405, `/?${parameters}`, { method: "HEAD" }],
    [415, "/", { method: "POST", body: parameters, headers: { "content-type": "text/plain" } }],
    [415, "/", {
      method: "POST",
      body: JSON.stringify({ code: "a", state: shown1.state }),
      headers: { "content-type": "application/json" },
    }],
    [415, "/", { method: "POST", body: new Blob([parameters]) }],
    [415, "/", {
      method: "POST",
      body: parameters,
      headers: { "content-type": "application/x-www-form-urlencodedish" },
    }],
    // The form is used, not the query.
    [400, `/?${parameters}`, { method: "POST", body: "", headers: form }],
    [400, "/", {}],
  ];
  for (const [status, path, init] of rejected) {
    const response = await fetch(base + path, init);
    await response.text();
    assert.equal(response.status, status, `${init.method} ${path}`);
  }
  await accept(shown1);
  assert.equal(await token, "token-0");
});

for (
  const host of ["evil.example", "localhost.evil.example", "0.0.0.0", "localhost@evil.example", "", undefined]
) {
  test(`another host name that resolves to this machine is rejected: "${host}"`, async () => {
    const { shown1, token, service } = await begin();
    const port = portOf(shown1);
    const line = host === undefined ? "" : `Host: ${host && `${host}:${port}`}\r\n`;
    const version = host === undefined ? "1.0" : "1.1";
    const path = `/?code=of-an-attacker&state=${shown1.state}`;
    const { received } = sendRaw(port, `GET ${path} HTTP/${version}\r\n${line}Connection: close\r\n\r\n`);
    assert.match(await received, /^(HTTP\/1\.\d 400 |$)/);
    assert.equal(service.requests.length, 0);
    await accept(shown1);
    assert.equal(await token, "token-0");
  });
}

test("another port in the Host header, or a URL instead of a path, is rejected", async () => {
  const { shown1, token } = await begin();
  const port = portOf(shown1);
  const path = `/?code=of-an-attacker&state=${shown1.state}`;
  for (
    const request of [
      `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
      `GET ${path} HTTP/1.1\r\nHost: localhost:1\r\nConnection: close\r\n\r\n`,
      `GET http://evil.example${path} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n`,
      `GET http://localhost:${port}${path} HTTP/1.1\r\nHost: evil.example:${port}\r\nConnection: close\r\n\r\n`,
      `GET //localhost:${port}${path} HTTP/1.1\r\nHost: evil.example:${port}\r\nConnection: close\r\n\r\n`,
    ]
  ) {
    assert.match(await sendRaw(port, request).received, /^(HTTP\/1\.1 400 |$)/);
  }
  await accept(shown1);
  assert.equal(await token, "token-0");
});

test("an attacker's page that posts to the port is rejected and cannot read the response", async () => {
  const { shown1, token, service } = await begin();
  const headers = {
    origin: "https://evil.example",
    referer: "https://evil.example/",
    "content-type": "application/x-www-form-urlencoded",
  };
  const guess = "A".repeat(43);
  for (
    const body of ["code=of-an-attacker", `code=of-an-attacker&state=${guess}`, `error=access_denied&state=${guess}`]
  ) {
    const response = await fetch(shown1.redirectUri, { method: "POST", body, headers });
    assert.equal(response.status, 400);
    assert.equal(response.headers.get("access-control-allow-origin"), null);
    assert.ok(!(await response.text()).includes(shown1.state));
  }
  await accept(shown1);
  await token;
  assert.deepEqual(service.requests.map(({ form }) => form.code), ["a-code"]);
});

test("the server listens on the loopback address only", async () => {
  const addresses = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  const others = addresses.filter(({ family, internal }) => family === "IPv4" && !internal).map(({ address }) =>
    address
  );
  // macOS has only one loopback address, and connections to another one hang.
  if (platform() !== "darwin") others.push("127.0.0.2");
  const areOpen = (port: number) => Promise.all(others.map((host) => isOpen(port, host)));
  const everywhere = await listen(0, "0.0.0.0");
  assert.ok(others.length === 0 || (await areOpen(everywhere.port)).includes(true));
  await everywhere.close();
  const { shown1, token } = await begin();
  assert.deepEqual(await areOpen(portOf(shown1)), others.map(() => false));
  await accept(shown1);
  await token;
});

test("a body of 64 kB is read; a longer one is rejected, with or without a Content-Length", async () => {
  const { shown1, token } = await begin();
  const port = portOf(shown1);
  const filler = (length: number) => sendBack(shown1, [["code", "a".repeat(length - 5)]]);
  assert.equal((await filler(65_536)).status, 400);
  const status = await filler(65_537).then(({ status }) => status, () => "cut off");
  assert.ok([413, "cut off"].includes(status), String(status));

  const head = `POST / HTTP/1.1\r\nHost: localhost:${port}\r\nContent-Type: application/x-www-form-urlencoded\r\n`;
  const declared = sendRaw(port, `${head}Content-Length: 65537\r\n\r\n`);
  assert.match(await declared.received, /^HTTP\/1\.1 413 /);

  const chunk = `10000\r\n${"a".repeat(65_536)}\r\n`;
  const chunked = sendRaw(port, `${head}Transfer-Encoding: chunked\r\n\r\n${chunk}${chunk}`);
  assert.match(await chunked.received, /^(HTTP\/1\.1 413 |$)/);
  await accept(shown1);
  assert.equal(await token, "token-0");
});

test("a body of 100 MB is not read to its end", async () => {
  const { shown1, token } = await begin();
  const port = portOf(shown1);
  const { socket, received } = sendRaw(
    port,
    `POST / HTTP/1.1\r\nHost: localhost:${port}\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n`,
  );
  const chunk = `10000\r\n${"a".repeat(65_536)}\r\n`;
  let sent = 0;
  function more(): void {
    while (sent < 100_000_000 && !socket.destroyed) {
      sent += chunk.length;
      if (!socket.write(chunk)) return void socket.once("drain", more);
    }
  }
  more();
  await received;
  // The buffers on the way are filled, but the rest is not sent.
  assert.ok(sent < 50_000_000, String(sent));
  await accept(shown1);
  assert.equal(await token, "token-0");
});

const HEAD = "POST / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nHost: localhost";

const KEEP_ALIVE = "keeps the connection open after a request";

/** Slow clients: what each sends at first, and what it sends repeatedly. */
const SLOW: Readonly<Record<string, (shown: Shown) => { first: string; again?: string }>> = {
  // Bun does not notice a connection before data is sent.
  ..."Bun" in globalThis ? {} : { "sends nothing": () => ({ first: "" }) },
  "sends one byte": () => ({ first: "P" }),
  "sends half a line": () => ({ first: "POST / HT" }),
  "sends its header byte by byte": (shown) => ({ first: `${HEAD}:${portOf(shown)}\r\nX-Slow: `, again: "a" }),
  "sends an endless number of header lines": (shown) => ({
    first: `${HEAD}:${portOf(shown)}\r\n`,
    again: "X-Slow: a\r\n",
  }),
  "sends no body": (shown) => ({ first: `${HEAD}:${portOf(shown)}\r\nContent-Length: 100\r\n\r\n` }),
  "sends its body byte by byte": (shown) => ({
    first: `${HEAD}:${portOf(shown)}\r\nContent-Length: 60000\r\n\r\ncode=`,
    again: "a",
  }),
  "sends its body byte by byte, with the right state": (shown) => ({
    first: `${HEAD}:${portOf(shown)}\r\nContent-Length: 60000\r\n\r\nstate=${shown.state}&code=`,
    again: "a",
  }),
  "sends no chunk": (shown) => ({ first: `${HEAD}:${portOf(shown)}\r\nTransfer-Encoding: chunked\r\n\r\n` }),
  "sends chunks of one byte": (shown) => ({
    first: `${HEAD}:${portOf(shown)}\r\nTransfer-Encoding: chunked\r\n\r\n`,
    again: "1\r\na\r\n",
  }),
  [KEEP_ALIVE]: (shown) => ({
    first: `GET /favicon.ico HTTP/1.1\r\nHost: localhost:${portOf(shown)}\r\nConnection: keep-alive\r\n\r\n`,
  }),
};

/** Opens a connection for each slow client, and waits until the server has accepted them all. */
async function openSlow(shown: Shown): Promise<{ stillOpen(): string[]; allClosed: Promise<unknown> }> {
  const open = new Set(Object.keys(SLOW));
  const closed = Object.entries(SLOW).map(async ([name, behave]) => {
    const { first, again } = behave(shown);
    const { socket, received } = sendRaw(portOf(shown), first);
    remains.push(() => socket.destroy());
    const drip = again && setInterval(() => socket.write(again), 5);
    await received;
    if (drip) clearInterval(drip);
    open.delete(name);
  });
  // A response to a later connection shows that the server has the earlier ones.
  const last = `GET /last HTTP/1.1\r\nHost: localhost:${portOf(shown)}\r\n\r\n`;
  assert.match(await sendRaw(portOf(shown), last).received, /^HTTP\/1\.1 404 /);
  return { stillOpen: () => [...open], allClosed: Promise.all(closed) };
}

/** Holds the timeouts of slow connections. Returns a function that lets them all fire, and returns their number. */
function holdTimeouts(): () => number {
  const { setTimeout } = globalThis;
  const ends: (() => void)[] = [];
  globalThis.setTimeout = ((work: () => void, ms?: number) => {
    if (ms !== 5000) return setTimeout(work, ms);
    ends.push(work);
    return setTimeout(() => {});
  }) as typeof setTimeout;
  remains.push(() => globalThis.setTimeout = setTimeout);
  return () => {
    for (const end of ends) end();
    return ends.length;
  };
}

/** Ways in which a sign-in ends while slow connections are open. */
const ENDS: Readonly<Record<string, (shown: Shown, abort: () => void) => unknown>> = {
  "signs in": (shown) => accept(shown),
  "declines": (shown) => sendBack(shown, [["error", "access_denied"], ["state", shown.state]]),
  "aborts": (_, abort) => abort(),
};

for (const [name, end] of Object.entries(ENDS)) {
  test(`the user ${name}: slow connections do not delay the sign-in and are closed when it ends`, async () => {
    holdTimeouts();
    const controller = new AbortController();
    const stage = createStage();
    const token = stage.credential.getToken(SCOPE, { abortSignal: controller.signal });
    const outcome = token.then(() => "token", () => "none");
    const shown = await stage.untilShown();
    const { stillOpen } = await openSlow(shown);
    assert.deepEqual(
      stillOpen().filter((name) => name !== KEEP_ALIVE),
      Object.keys(SLOW).filter((name) => name !== KEEP_ALIVE),
    );
    await end(shown, () => controller.abort());
    assert.equal(await outcome, name === "signs in" ? "token" : "none");
    await assertFree(portOf(shown));
    // A complete second sign-in gives the server time to close the connections of the first one.
    const second = await begin();
    await accept(second.shown1);
    await second.token;
    assert.deepEqual(stillOpen(), []);
  });
}

test("a connection that has sent no complete request after five seconds is closed; one with a request stays open until the response", async () => {
  const endTimeouts = holdTimeouts();
  let redeem = () => {};
  const waits = new Promise<void>((resolve) => redeem = resolve);
  const { shown1, token, service } = await begin({ answer: (right) => waits.then(right) });
  const { allClosed } = await openSlow(shown1);
  const page = accept(shown1);
  await service.untilRequested(1);
  assert.ok(endTimeouts() >= Object.keys(SLOW).length);
  await allClosed;
  redeem();
  assert.equal((await page).status, 200);
  assert.equal(await token, "token-0");
});

test("an abort closes the port at any time", async () => {
  const reason = new Error("enough");
  {
    const controller = new AbortController();
    const stage = createStage();
    const token = stage.credential.getToken(SCOPE, { abortSignal: controller.signal });
    const shown = await stage.untilShown();
    controller.abort(reason);
    assert.equal(await failureOf(token), reason);
    await assertFree(portOf(shown));
  }
  {
    const controller = new AbortController();
    let onRequest = () => {};
    const came = new Promise<void>((resolve) => onRequest = resolve);
    const stage = createStage({
      answer: () => {
        onRequest();
        return new Promise(() => {});
      },
    });
    const token = stage.credential.getToken(SCOPE, { abortSignal: controller.signal });
    const shown = await stage.untilShown();
    const page = accept(shown);
    await came;
    controller.abort(reason);
    assert.equal(await failureOf(token), reason);
    assert.equal((await page).status, 400);
    await assertFree(portOf(shown));
  }
});

for (const [host, redirectUri] of [["localhost", undefined], ["127.0.0.1", "http://127.0.0.1"]] as const) {
  test(`the sign-in times out, and the error mentions that http://${host} must be registered`, async () => {
    const { shown1, token } = await begin({ timeoutInMs: 300, redirectUri });
    const { name, message } = await failureOf(token);
    assert.equal(name, "AuthenticationError");
    assert.equal(
      message,
      'InteractiveBrowserCredential: Cannot get a token: The user has not signed in within the 300 ms of "timeoutInMs". If the browser ' +
        `shows AADSTS50011, register "http://${host}" under "Mobile and desktop applications"`,
    );
    await assertFree(portOf(shown1));
  });
}

test("a pending sign-in does not keep the program alive", async () => {
  const child = startModule("sign_in/sign_in_process");
  const [, port] = await child.untilPrinted(/^port (\d+)$/m);
  const open = ["", "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n"].map((text) => sendRaw(Number(port), text));
  await Promise.all(open.map(({ socket }) => connected(socket)));
  const { code, stdout, stderr } = await child.ended;
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^signed in: token-0$/m);
  assert.match(stdout, /^too late: AuthenticationError$/m);
  assert.match(stdout, /^the end$/m);
});

const openers = {
  rejects: () => Promise.reject(new Error("no browser")),
  throws() {
    throw new Error("no browser");
  },
};
for (const [how, openUrl] of Object.entries(openers)) {
  test(`if the opener ${how}, the log has the reason and the URL`, async () => {
    let onSignInWanted!: (event: LogEvent) => void;
    const event = new Promise<LogEvent>((resolve) => onSignInWanted = resolve);
    const log = (event: LogEvent) => void (event.event === "sign-in-wanted" && onSignInWanted(event));
    const failure = failureOf(createStage({ log, runtime: { openUrl } }).credential.getToken(SCOPE));
    const { credential, message } = await event;
    assert.equal(credential, "InteractiveBrowserCredential");
    const parts = /^No browser can be opened \(no browser\)\. Open this page to sign in: (\S+)$/.exec(message);
    assert.ok(parts, message);
    const shown = readShown(parts[1]!);
    await sendBack(shown, [["error", "access_denied"], ["state", shown.state]]);
    assert.match((await failure).message, /access_denied/);
  });
}

test("without an opener and a log the credential is unavailable at once", async () => {
  const stage = createStage({ runtime: { openUrl: () => Promise.reject(new Error("There is no screen")) } });
  const { name, message } = await failureOf(stage.credential.getToken(SCOPE));
  assert.equal(name, "CredentialUnavailableError");
  assert.equal(
    message,
    "InteractiveBrowserCredential: Cannot prompt the user to sign in: No browser can be opened (There is no screen): " +
      'Set "log", which receives the URL, or use DeviceCodeCredential',
  );
});

for (const name of ["declines", "aborts"]) {
  test(`the user ${name}: an opener may stay pending as long as the browser runs, and fail afterwards`, async () => {
    const events: LogEvent[] = [];
    let fail = (_: Error) => {};
    let open = (_: string) => {};
    const url = new Promise<string>((resolve) => open = resolve);
    const stage = createStage({
      log: (event) => events.push(event),
      runtime: {
        openUrl(text) {
          open(text);
          return new Promise((_, reject) => fail = reject);
        },
      },
    });
    const controller = new AbortController();
    const failure = failureOf(stage.credential.getToken(SCOPE, { abortSignal: controller.signal }));
    await ENDS[name]!(readShown(await url), () => controller.abort());
    await failure;
    fail(new Error("closed"));
    await breathe();
    assert.deepEqual(events.map(({ event }) => event), name === "aborts" ? [] : ["token-failed"]);
  });
}

test("with a custom loopback server, a response after the end of the sign-in is ignored", async () => {
  let handle!: (request: Request) => Response | Promise<Response>;
  const stage = createStage({
    runtime: {
      listen(handler) {
        handle = handler;
        return Promise.resolve({ port: 41_999, close() {} });
      },
    },
  });
  const controller = new AbortController();
  const failure = failureOf(stage.credential.getToken(SCOPE, { abortSignal: controller.signal }));
  const { redirectUri, state } = await stage.untilShown();
  controller.abort();
  await failure;
  const page = await handle(new Request(`${redirectUri}/?code=a-code&state=${state}`));
  assert.match(await page.text(), /<h1>Not expected<\/h1>/);
  assert.equal(stage.service.requests.length, 0);
});

test("the system's opener gets the URL, and its failure is reported", {
  skip: platform() !== "linux" && "There is no xdg-open",
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), "azweb-opener-"));
  const before = { ...process.env };
  // The opener does not keep the process alive, so the test needs something that does.
  const alive = setInterval(() => {}, 1000);
  try {
    await writeFile(`${folder}/browser`, `#!/bin/sh\nprintf %s "$1" > ${folder}/url\n`);
    await chmod(`${folder}/browser`, 0o755);
    for (const name of ["DISPLAY", "WAYLAND_DISPLAY", "XDG_CURRENT_DESKTOP"]) delete process.env[name];
    process.env.BROWSER = `${folder}/browser`;
    const url = "http://localhost/?a=b&c=$(touch%20x)';";
    await createRuntime().openUrl!(url);
    assert.equal(await readFile(`${folder}/url`, "utf8"), url);
    await writeFile(`${folder}/browser`, "#!/bin/sh\nexit 7\n");
    process.env.PATH = folder;
    assert.match((await failureOf(createRuntime().openUrl!(url))).message, /^"\/usr\/bin\/xdg-open" ended with \d+$/);
  } finally {
    clearInterval(alive);
    for (const name of ["BROWSER", "PATH", "DISPLAY", "WAYLAND_DISPLAY", "XDG_CURRENT_DESKTOP"]) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
    await rm(folder, { recursive: true });
  }
});

for (const host of ["localhost", "127.0.0.1"]) {
  test(`a redirect URI with a port uses that port: ${host}`, async () => {
    const { port, close } = await listen();
    await close();
    const redirectUri = `http://${host}:${port}`;
    const { shown1, token, service } = await begin({ redirectUri });
    assert.equal(shown1.redirectUri, redirectUri);
    await accept(shown1);
    await token;
    assert.equal(service.requests[0]!.form.redirect_uri, redirectUri);
  });

  test(`a redirect URI without a port uses a free one: ${host}`, async () => {
    const { shown1, token } = await begin({ redirectUri: `http://${host}` });
    assert.match(shown1.redirectUri, new RegExp(`^http://${host}:\\d+$`));
    await accept(shown1);
    await token;
  });
}

for (const host of ["127.0.0.1", "::1"]) {
  test(`a port that is in use at ${host} is not shared`, async () => {
    const { port, close } = await listen(0, host);
    try {
      const stage = createStage({ redirectUri: `http://localhost:${port}` });
      const { name, message } = await failureOf(stage.credential.getToken(SCOPE));
      assert.equal(name, "CredentialUnavailableError");
      assert.match(
        message,
        /: Cannot prompt the user to sign in: No loopback address can be served \(.*\): Use DeviceCode/s,
      );
      assert.equal(stage.shown.length, 0);
      // The other listener of the pair is closed.
      assert.equal(await isOpen(port, host === "::1" ? "127.0.0.1" : "::1"), false);
    } finally {
      await close();
    }
  });
}

test("the constructor throws for malformed options", () => {
  const malformed: InteractiveBrowserCredentialOptions[] = [
    { redirectUri: "nothing" },
    { redirectUri: 8400 as never },
    { clientId: "with a space" },
    { tenantId: "../common" },
    { loginHint: "" },
    { loginStyle: "Redirect" as never },
    { loginStyle: "" as never },
    { loginStyle: null as never },
  ];
  for (const options of malformed) {
    const [name] = Object.keys(options);
    assert.throws(() => createStage(options), { name: "TypeError", message: new RegExp(`"${name}"`) });
  }
});

test("the pages load no resource, run no script, and contain the app's message as text", async () => {
  const evil = `<script>alert('1')</script> & "quoted" <img src=x>`;
  const browserCustomizationOptions = { successMessage: `Yes ${evil}`, errorMessage: `No ${evil}` };
  for (const succeeds of [true, false]) {
    const { shown1, token } = await begin({ browserCustomizationOptions });
    token.catch(() => {});
    const page = await sendBack(shown1, [[succeeds ? "code" : "error", "x"], ["state", shown1.state]]);
    const html = await page.text();
    await token.catch(() => {});
    const { headers } = page;
    const style = /<style>(.*)<\/style>/s.exec(html)![1]!;
    const digest = createHash("sha256").update(style).digest("base64");
    assert.equal(
      headers.get("content-security-policy"),
      `default-src 'none'; style-src 'sha256-${digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    );
    assert.equal(headers.get("cache-control"), "no-store");
    assert.equal(headers.get("referrer-policy"), "no-referrer");
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    assert.equal(headers.get("content-type"), "text/html; charset=utf-8");
    assert.match(style, /prefers-color-scheme: dark/);
    assert.doesNotMatch(
      html,
      /<(script|img|link|iframe|form|a|object|meta http-equiv)\b|\bon\w+=|url\(|@import|https?:/i,
    );
    const text = /<p>(.*)<\/p>/s.exec(html)![1]!.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(code));
    assert.equal(text, `${succeeds ? "Yes" : "No"} ${evil}`);
    assert.match(html, /^<!doctype html>\n<html lang="en">/);
  }
});

test("two concurrent calls need one sign-in, even for two resources", async () => {
  const stage = createStage();
  const scopes = [SCOPE, SCOPE, OTHER_SCOPE];
  const tokens = Promise.all(scopes.map((scope) => stage.credential.getToken(scope)));
  await accept(await stage.untilShown());
  assert.deepEqual((await tokens).map(({ token }) => token), ["token-0", "token-0", "token-1"]);
  assert.equal(stage.shown.length, 1);
  assert.deepEqual(stage.service.requests.map(({ form }) => form.grant_type), ["authorization_code", "refresh_token"]);
});

test("one of two concurrent calls may be aborted without another sign-in", async () => {
  const stage = createStage();
  const controller = new AbortController();
  const first = stage.credential.getToken(SCOPE, { abortSignal: controller.signal });
  const second = stage.credential.getToken(SCOPE);
  const shown = await stage.untilShown();
  controller.abort();
  await failureOf(first);
  await accept(shown);
  assert.equal((await second).token, "token-0");
  assert.equal(stage.shown.length, 1);
});

test("without a cache, concurrent sign-ins run one after another, and the second needs no user", async () => {
  const stage = createStage({ cache: false });
  const tokens = Promise.all([1, 2].map(() => stage.credential.getToken(SCOPE)));
  await accept(await stage.untilShown());
  await tokens;
  assert.equal(stage.shown.length, 1);
});

test("a response after an abort does not change the account", async () => {
  let letGo: (() => void) | undefined;
  const bob = { oid: "bob", sub: "bob", preferred_username: "bob@contoso.com" };
  const { credential, shown, untilShown } = createStage({
    async answer(right) {
      if (letGo) return userAnswer({ nonce: shown.at(-1)!.nonce, ...bob }, "bob's", "bob");
      const response = right();
      await new Promise<void>((resolve) => letGo = resolve);
      return response;
    },
  });
  const controller = new AbortController();
  const first = failureOf(credential.getToken(SCOPE, { abortSignal: controller.signal }));
  const leaving = accept(await untilShown()).catch(() => {});
  while (!letGo) await breathe();
  controller.abort();
  assert.equal((await first).name, "AbortError");
  const second = credential.getToken(OTHER_SCOPE);
  const shown2 = await untilShown();
  letGo();
  await breathe();
  await Promise.all([leaving, accept(shown2)]);
  assert.equal((await second).token, "bob's");
});

test("an abort before the port is open opens no browser", async () => {
  let open!: () => void;
  let closed = 0;
  const { credential, shown } = createStage({
    runtime: {
      listen: () =>
        new Promise((resolve) => {
          open = () => resolve({ port: 1, close: () => void closed++ });
        }),
    },
  });
  const controller = new AbortController();
  const leaving = failureOf(credential.getToken(SCOPE, { abortSignal: controller.signal }));
  while (!open) await breathe();
  controller.abort();
  await leaving;
  open();
  while (!closed) await breathe();
  assert.deepEqual(shown, []);
});

test("two instances have separate sign-ins", async () => {
  const cache = new Map();
  const [one, two] = [await begin({ cache }), await begin({ cache })];
  assert.notEqual(portOf(one.shown1), portOf(two.shown1));
  // A response for one instance is ignored by the other.
  assert.equal((await sendBack(one.shown1, [["code", "a-code"], ["state", two.shown1.state]])).status, 400);
  await accept(one.shown1);
  await accept(two.shown1);
  await Promise.all([one.token, two.token]);
});

test("the token endpoint does not respond: the call ends at the deadline, and the page says so", async () => {
  const { shown1, token } = await begin({
    timeoutInMs: 500,
    answer: () => new Promise(() => {}),
  });
  const page = await accept(shown1);
  assert.equal(page.status, 400);
  assert.match((await failureOf(token)).message, /No response within the 500 ms/);
  await assertFree(portOf(shown1));
});
