// Runs on: deno, node, bun, edge, browser
// InteractiveBrowserCredential as the last credential of the chain. Functions replace the loopback server and the
// browser.
import { DefaultAzureCredential, type DefaultAzureCredentialClientIdOptions } from "@azweb/identity";
import assert from "node:assert/strict";
import { test } from "node:test";
import { failureOf, SCOPE, TENANT } from "../support/service.ts";
import { createService } from "../support/service.ts";
import { readShown, type Shown, userAnswer } from "../support/sign_in/sign_in.ts";

const NAME = "InteractiveBrowserCredential";
const TOOLS = ["AzureCliCredential", "AzurePowerShellCredential", "AzureDeveloperCliCredential"] as const;
const OTHERS = ["EnvironmentCredential", "WorkloadIdentityCredential", "ManagedIdentityCredential", ...TOOLS] as const;

/** Creates the chain on a machine that has only a browser. */
function create(options: DefaultAzureCredentialClientIdOptions = {}): {
  credential: DefaultAzureCredential;
  shown: Shown[];
  pages: Response[];
} {
  const shown: Shown[] = [];
  const pages: Response[] = [];
  let handler: ((request: Request) => Response | Promise<Response>) | undefined;
  const { fetch } = createService(() => userAnswer({ nonce: shown.at(-1)?.nonce, aud: APP }));
  const credential = new DefaultAzureCredential({
    tenantId: TENANT,
    interactiveBrowserClientId: APP,
    exclude: OTHERS,
    includeInteractiveBrowser: true,
    fetch,
    cache: new Map(),
    env: {},
    ...options,
    runtime: {
      listen(handle) {
        handler = handle;
        return Promise.resolve({ port: 4711, close() {} });
      },
      async openUrl(url) {
        const page = readShown(url);
        shown.push(page);
        const query = `?code=a-code&state=${page.state}`;
        pages.push(await handler!(new Request(page.redirectUri + query)));
      },
    },
  });
  return { credential, shown, pages };
}

const APP = "an-app";

test("if the browser is included, the user signs in once, and the chain passes its options on", async () => {
  const { credential, shown, pages } = create({
    loginHint: "jo@contoso.com",
    browserCustomizationOptions: { successMessage: "Well done" },
  });
  const tokens = await Promise.all([1, 2].map(() => credential.getToken(SCOPE)));
  tokens.push(await credential.getToken(SCOPE));
  assert.deepEqual(tokens.map(({ token }) => token), ["a-token", "a-token", "a-token"]);
  assert.equal(shown.length, 1);
  const { searchParams } = shown[0]!.url;
  assert.equal(searchParams.get("client_id"), APP);
  assert.equal(searchParams.get("login_hint"), "jo@contoso.com");
  assert.match(await pages[0]!.text(), /<p>Well done<\/p>/);
});

test("two concurrent calls for two resources need one sign-in", async () => {
  const { credential, shown } = create();
  await Promise.all([SCOPE, "https://vault.azure.net/.default"].map((scope) => credential.getToken(scope)));
  assert.equal(shown.length, 1);
});

test(`${NAME} is the last credential of the chain if it is included`, async () => {
  for (
    const [options, expected] of [
      [{}, [...OTHERS, NAME]],
      [{ includeInteractiveBrowser: false }, OTHERS],
      [{ includeInteractiveBrowser: undefined }, OTHERS],
      [{ exclude: ["AzureCliCredential", NAME] }, OTHERS.filter((name) => name !== "AzureCliCredential")],
      [{ env: { AZURE_TOKEN_CREDENTIALS: "dev" } }, [...TOOLS, NAME]],
      [{ env: { AZURE_TOKEN_CREDENTIALS: "prod" } }, OTHERS.slice(0, 3)],
      [{ env: { AZURE_TOKEN_CREDENTIALS: "interactivebrowsercredential" } }, [NAME]],
    ] as [DefaultAzureCredentialClientIdOptions, string[]][]
  ) {
    const { credential } = create({ exclude: [], ...options });
    const rows = await credential.explain();
    assert.deepEqual(rows.map(({ credential }) => credential), expected, JSON.stringify(options));
  }
});

test(`explain() describes ${NAME}`, async () => {
  const { credential } = create();
  assert.deepEqual(await credential.explain(), [
    { credential: NAME, state: "inconclusive", detail: "Opens a browser for the user to sign in" },
  ]);
});

test(`${NAME} can be excluded or selected by its name only if it is included`, () => {
  const options = { includeInteractiveBrowser: false };
  assert.throws(() => create({ ...options, exclude: [NAME] }), { name: "TypeError", message: /"exclude" must name/ });
  assert.throws(
    () => create({ ...options, exclude: [], env: { AZURE_TOKEN_CREDENTIALS: NAME } }),
    {
      name: "TypeError",
      message: /^Variable AZURE_TOKEN_CREDENTIALS must be one of .* needs "includeInteractiveBrowser"$/,
    },
  );
});

test("the constructor throws for a malformed client id", () => {
  assert.throws(() => create({ interactiveBrowserClientId: "with a space" }), { name: "TypeError" });
});

test("the chain's error says that no loopback server can be started", async () => {
  const { fetch } = createService();
  const credential = new DefaultAzureCredential({
    exclude: OTHERS,
    includeInteractiveBrowser: true,
    fetch,
    env: {},
    cache: new Map(),
    runtime: {
      listen: () => Promise.reject(new Error("There is none")),
    },
  });
  const { name, message } = await failureOf(credential.getToken(SCOPE));
  assert.equal(name, "AggregateAuthenticationError");
  assert.match(
    message,
    /InteractiveBrowserCredential +absent .*No loopback address can be served \(There is none\)/,
  );
});
