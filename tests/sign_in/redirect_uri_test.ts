// Runs on: deno, node, bun
// Where the answer of a sign-in may go: to this machine from a program, to the page's own origin from a page, to the app from a web app.
import { InteractiveBrowserCredential } from "@azweb/identity";
import { createWebSignIn } from "@azweb/identity/web-sign-in";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { inPage } from "../support/sign_in/page.ts";
import { CLIENT, TENANT } from "../support/service.ts";

const PAGE = "https://my.app/mail?folder=1#top";

function createCredential(redirectUri: unknown): InteractiveBrowserCredential {
  const options = { tenantId: TENANT, clientId: CLIENT, env: {} };
  return new InteractiveBrowserCredential({ ...options, redirectUri: redirectUri as string });
}

/** Checks a redirect URI where the code runs. */
type Check = (redirectUri: unknown) => unknown;

interface Place {
  readonly message: RegExp;
  readonly check: Check;
  readonly good: readonly unknown[];
  readonly bad: readonly unknown[];
}

/** What leads nowhere that an answer may go, from any place. */
const NOWHERE = [
  ...[
    "",
    "nothing",
    "/signed-in",
    "//my.app",
    "http:",
    "https:",
    "javascript:alert(1)",
    "data:,a",
    "file:///etc/passwd",
  ],
  ...["ftp://my.app", "ftp://localhost", 7, null, {}],
  ...["https://evil.example", "http://evil.example", "http://evil.example:8400"],
  ...["https://my.app@evil.example", "http://localhost@evil.example", "http://localhost:8400@evil.example"],
  ...["http://localhost.evil.example", "http://127.0.0.1.evil.example", "https://my.app.evil.example"],
  ...["http://evil.example/localhost", "http://evil.example#localhost", "http://evil.example\\@localhost"],
];

const PLACES: Readonly<Record<string, Place>> = {
  "a program": {
    message: /^Option "redirectUri" must be "http:\/\/localhost", with or without a port/,
    check: createCredential,
    good: [
      ...["http://localhost", "http://localhost/", "http://localhost:8400", "http://localhost:8400/"],
      ...["http://127.0.0.1", "http://127.0.0.1:8400", "http://[::1]", "http://[::1]:8400"],
      ...["http://localhost:443", "http://localhost:8080", "HTTP://LOCALHOST:8400", undefined],
    ],
    bad: [
      ...["https://localhost", "https://localhost:8400", "https://my.app", "https://my.app/signed-in"],
      // The browser would leave the first of these out, and finds nobody at the others.
      ...["http://localhost:80", "http://localhost:080", "http://127.0.0.1:80/", "http://localhost:0"],
      ...["http://localhost:65536", "http://localhost:-1", "http://localhost:a"],
      ...["http://localhost:8400/callback", "http://localhost/?a=b", "http://localhost:8400#a"],
      ...["http://jo@localhost", "http://jo:pw@localhost:8400", "http://:pw@localhost"],
      // They lead here, and nobody listens there.
      ...["http://127.0.0.2", "http://0.0.0.0:8400", "http://[::]", "http://my.localhost:8400"],
    ],
  },
  "a page": {
    message: /^Option "redirectUri" must be the URL of a page of the same origin$/,
    check: (redirectUri) => inPage(PAGE, () => Promise.resolve(void createCredential(redirectUri))),
    good: ["https://my.app", "https://my.app/", "https://my.app:443/signed-in", "https://my.app/a?b=c", undefined],
    bad: [
      ...["http://my.app", "https://my.app:8443", "https://www.my.app", "https://app"],
      // Whoever listens there would be sent the code.
      ...["http://localhost", "http://localhost:8400", "http://127.0.0.1", "http://[::1]:8400"],
    ],
  },
  "a web app": {
    message: /"redirectUri" must be /,
    check: (redirectUri) =>
      createWebSignIn({
        ...{
          tenantId: TENANT,
          clientId: CLIENT,
          clientSecret: "s",
          scopes: "a",
          sealingKey: btoa("1".repeat(32)),
          env: {},
        },
        redirectUri: redirectUri as string,
      }),
    good: [
      ...["https://my.app", "https://my.app/signed-in", "https://my.app:8443/signed-in"],
      ...["http://localhost/signed-in", "http://localhost:8787/signed-in", "http://127.0.0.1:1/a", "http://[::1]:1/a"],
    ],
    bad: [
      ...["http://my.app", "http://my.app/signed-in", "http://0.0.0.0/signed-in", undefined, new URL("https://my.app")],
      ...["https://my.app/?a=b", "https://my.app/signed-in#a", "http://localhost/?a=b"],
      ...["https://jo@my.app", "https://jo:pw@my.app", "https://:pw@my.app/signed-in"],
    ],
  },
};

for (const [place, { message, check, good, bad }] of Object.entries(PLACES)) {
  describe(`from ${place} an answer`, () => {
    for (const redirectUri of good) {
      test(`may go to ${redirectUri}`, async () => void await check(redirectUri));
    }
    const elsewhere = place === "a web app" ? NOWHERE.filter((uri) => !/^https:\/\/.*evil/.test(String(uri))) : NOWHERE;
    for (const redirectUri of [...elsewhere, ...bad]) {
      test(`may not go to ${JSON.stringify(redirectUri)}`, async () => {
        await assert.rejects(async () => await check(redirectUri), { name: "TypeError", message });
      });
    }
  });
}

for (const place of ["a program", "a page"] as const) {
  const { check, good, bad, message } = PLACES[place]!;

  test(`from ${place}: what a function returns is checked as a text is`, async () => {
    for (const redirectUri of good.filter((uri) => uri !== undefined)) {
      let calls = 0;
      await check(() => {
        calls++;
        return redirectUri;
      });
      assert.equal(calls, 1);
    }
    for (const redirectUri of [...NOWHERE, ...bad]) {
      await assert.rejects(async () => await check(() => redirectUri), { name: "TypeError", message });
    }
  });

  test(`from ${place}: a function that returns nothing leaves it to the default, and one that throws is heard`, async () => {
    await check(() => undefined);
    const reason = new Error("There is no location");
    await assert.rejects(
      async () =>
        await check(() => {
          throw reason;
        }),
      reason,
    );
  });
}
