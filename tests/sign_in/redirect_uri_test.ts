// Runs on: deno, node, bun
// Allowed redirect URIs: a loopback address for a program, the own origin for a page, the app for a web app.
import { InteractiveBrowserCredential } from "@azweb/identity";
import { createWebSignIn } from "@azweb/identity/web-sign-in";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { inPage } from "../support/sign_in/page.ts";
import { CLIENT, failureOf, SCOPE, TENANT } from "../support/service.ts";

const PAGE = "https://my.app/mail?folder=1#top";

function createCredential(redirectUri: unknown): InteractiveBrowserCredential {
  const options = { tenantId: TENANT, clientId: CLIENT, env: {} };
  return new InteractiveBrowserCredential({ ...options, redirectUri: redirectUri as string });
}

/** Constructs a credential and calls its methods, which are aborted where they accept the redirect URI. */
async function checkCredential(redirectUri: unknown): Promise<void> {
  const credential = createCredential(redirectUri);
  for (const method of ["getToken", "authenticate", "getToken"] as const) {
    const error = await failureOf(credential[method](SCOPE, { abortSignal: AbortSignal.abort() }));
    if (error.name !== "AbortError") throw error;
  }
}

/** Checks a redirect URI. */
type Check = (redirectUri: unknown) => unknown;

interface Environment {
  readonly message: RegExp;
  readonly check: Check;
  readonly good: readonly unknown[];
  readonly bad: readonly unknown[];
}

/** Redirect URIs that are not allowed in any environment. */
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

const ENVIRONMENTS: Readonly<Record<string, Environment>> = {
  "a program": {
    message: /^Option "redirectUri" must be "http:\/\/localhost", with or without a port/,
    check: checkCredential,
    good: [
      ...["http://localhost", "http://localhost/", "http://localhost:8400", "http://localhost:8400/"],
      ...["http://127.0.0.1", "http://127.0.0.1:8400", "http://[::1]", "http://[::1]:8400"],
      ...["http://localhost:443", "http://localhost:8080", "HTTP://LOCALHOST:8400", undefined],
    ],
    bad: [
      ...["https://localhost", "https://localhost:8400", "https://my.app", "https://my.app/signed-in"],
      // The browser would drop the first of these ports, and nothing listens at the others.
      ...["http://localhost:80", "http://localhost:080", "http://127.0.0.1:80/", "http://localhost:0"],
      ...["http://localhost:65536", "http://localhost:-1", "http://localhost:a"],
      ...["http://localhost:8400/callback", "http://localhost/?a=b", "http://localhost:8400#a"],
      ...["http://jo@localhost", "http://jo:pw@localhost:8400", "http://:pw@localhost"],
      // They resolve to this machine, but nothing listens there.
      ...["http://127.0.0.2", "http://0.0.0.0:8400", "http://[::]", "http://my.localhost:8400"],
    ],
  },
  "a page": {
    message: /^Option "redirectUri" must be the URL of a page of the same origin$/,
    check: (redirectUri) => inPage(PAGE, () => checkCredential(redirectUri)),
    good: ["https://my.app", "https://my.app/", "https://my.app:443/signed-in", "https://my.app/a?b=c", undefined],
    bad: [
      ...["http://my.app", "https://my.app:8443", "https://www.my.app", "https://app"],
      // A program that listens there would receive the code.
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

for (const [environment, { message, check, good, bad }] of Object.entries(ENVIRONMENTS)) {
  describe(`a response for ${environment}`, () => {
    for (const redirectUri of good) {
      test(`may go to ${redirectUri}`, async () => void await check(redirectUri));
    }
    const elsewhere = environment === "a web app"
      ? NOWHERE.filter((uri) => !/^https:\/\/.*evil/.test(String(uri)))
      : NOWHERE;
    for (const redirectUri of [...elsewhere, ...bad]) {
      test(`may not go to ${JSON.stringify(redirectUri)}`, async () => {
        const isMalformed = environment !== "a web app" && !URL.canParse(String(redirectUri));
        await assert.rejects(async () => await check(redirectUri), {
          name: "TypeError",
          message: isMalformed ? /^Option "redirectUri" must be an absolute URL, such as / : message,
        });
      });
    }
  });
}

test("a page that is rendered on a server constructs its credential there; methods check what the page needs", async () => {
  const reason = new Error("There is no location");
  const onServer: readonly [options: Record<string, unknown>, expected: RegExp | Error][] = [
    [{ redirectUri: "https://my.app/blank.html" }, ENVIRONMENTS["a program"]!.message],
    [{ redirectUri: "http://localhost:8400", clientId: undefined }, /^Option "clientId" .* is required in a page/],
    [{ redirectUri: "http://localhost:8400" }, ENVIRONMENTS["a page"]!.message],
    [{ redirectUri: () => "ftp://my.app" }, ENVIRONMENTS["a page"]!.message],
    [{ redirectUri: () => fail() }, reason],
  ];
  function fail(): never {
    throw reason;
  }
  for (const [index, [options, expected]] of onServer.entries()) {
    const create = () => new InteractiveBrowserCredential({ tenantId: TENANT, clientId: CLIENT, env: {}, ...options });
    const callBoth = async () => {
      const credential = create();
      // Again at each call, until the options are accepted.
      for (const method of ["getToken", "authenticate", "getToken"] as const) {
        const error = await failureOf(credential[method](SCOPE));
        if (expected instanceof Error) assert.equal(error, expected);
        else assert.deepEqual([error.name, expected.test(error.message)], ["TypeError", true], error.message);
      }
    };
    if (index === 0) await callBoth();
    else await inPage(PAGE, callBoth);
  }
});

for (const environment of ["a program", "a page"] as const) {
  const { check, good, bad, message } = ENVIRONMENTS[environment]!;

  test(`for ${environment}: the return value of a function is checked as a string is`, async () => {
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

  test(`for ${environment}: a function that returns undefined results in the default, and its error is reported`, async () => {
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
