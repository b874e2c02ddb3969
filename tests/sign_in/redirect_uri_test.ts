// Runs on: deno, node, bun
// Allowed redirect URIs: a loopback address for a program, a URL of the own origin for a page, and a URL with https or
// a loopback address for a web app.
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

/** Creates a credential and calls its methods with an aborted signal. Throws if they reject the redirect URI. */
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
  /** The message for a redirect URI that is not allowed. */
  readonly message: RegExp;
  readonly check: Check;
  readonly allowed: readonly unknown[];
  readonly forbidden: readonly unknown[];
}

/** Redirect URIs that no environment allows, except that a web app may be at any host with https. */
const FORBIDDEN = [
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
    allowed: [
      ...["http://localhost", "http://localhost/", "http://localhost:8400", "http://localhost:8400/"],
      ...["http://127.0.0.1", "http://127.0.0.1:8400", "http://[::1]", "http://[::1]:8400"],
      ...["http://localhost:443", "http://localhost:8080", "HTTP://LOCALHOST:8400", undefined],
    ],
    forbidden: [
      ...["https://localhost", "https://localhost:8400", "https://my.app", "https://my.app/signed-in"],
      // Browsers omit port 80, and no server can listen at the other ports.
      ...["http://localhost:80", "http://localhost:080", "http://127.0.0.1:80/", "http://localhost:0"],
      ...["http://localhost:65536", "http://localhost:-1", "http://localhost:a"],
      ...["http://localhost:8400/callback", "http://localhost/?a=b", "http://localhost:8400#a"],
      ...["http://jo@localhost", "http://jo:pw@localhost:8400", "http://:pw@localhost"],
      // These addresses are of this machine, but the loopback server does not listen at them.
      ...["http://127.0.0.2", "http://0.0.0.0:8400", "http://[::]", "http://my.localhost:8400"],
    ],
  },
  "a page": {
    message: /^Option "redirectUri" must be the URL of a page of the same origin$/,
    check: (redirectUri) => inPage(PAGE, () => checkCredential(redirectUri)),
    allowed: ["https://my.app", "https://my.app/", "https://my.app:443/signed-in", "https://my.app/a?b=c", undefined],
    forbidden: [
      ...["http://my.app", "https://my.app:8443", "https://www.my.app", "https://app"],
      // Another program that listens there would receive the code.
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
    allowed: [
      ...["https://my.app", "https://my.app/signed-in", "https://my.app:8443/signed-in"],
      ...["http://localhost/signed-in", "http://localhost:8787/signed-in", "http://127.0.0.1:1/a", "http://[::1]:1/a"],
    ],
    forbidden: [
      ...["http://my.app", "http://my.app/signed-in", "http://0.0.0.0/signed-in", undefined, new URL("https://my.app")],
      ...["https://my.app/?a=b", "https://my.app/signed-in#a", "http://localhost/?a=b"],
      ...["https://jo@my.app", "https://jo:pw@my.app", "https://:pw@my.app/signed-in"],
    ],
  },
};

for (const [environment, { message, check, allowed, forbidden }] of Object.entries(ENVIRONMENTS)) {
  describe(`a response for ${environment}`, () => {
    for (const redirectUri of allowed) {
      test(`may go to ${redirectUri}`, async () => void await check(redirectUri));
    }
    const common = environment === "a web app"
      ? FORBIDDEN.filter((uri) => !/^https:\/\/.*evil/.test(String(uri)))
      : FORBIDDEN;
    for (const redirectUri of [...common, ...forbidden]) {
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

test("the methods check the options of a page, not the constructor, which may run on a server that renders it", async () => {
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
      // Each call checks the options again.
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
  const { check, allowed, forbidden, message } = ENVIRONMENTS[environment]!;

  test(`for ${environment}: the return value of a function is checked like a string`, async () => {
    for (const redirectUri of allowed.filter((uri) => uri !== undefined)) {
      let calls = 0;
      await check(() => {
        calls++;
        return redirectUri;
      });
      assert.equal(calls, 1);
    }
    for (const redirectUri of [...FORBIDDEN, ...forbidden]) {
      await assert.rejects(async () => await check(() => redirectUri), { name: "TypeError", message });
    }
  });

  test(`for ${environment}: a function may return undefined for the default, and the call rejects with its error`, async () => {
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
