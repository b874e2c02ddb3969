// Runs on: deno, node
// Compares the authorization request and the token request with those of `@azure/identity`, field by field. The test
// replaces the program with which `@azure/identity` opens the browser.
import * as theirs from "@azure/identity";
import * as ours from "@azweb/identity";
import { test } from "node:test";
import { catchOpener } from "../support/interop/catch_opener.ts";
import {
  checkDifferences,
  CP1,
  differ,
  type Difference,
  ID_TOKEN_CLAIMS,
  NBF,
} from "../support/interop/differences.ts";
import { CLIENT, SCOPE, TENANT } from "../support/service.ts";
import { readShown, sendBack, userAnswer } from "../support/sign_in/sign_in.ts";

const USER = "jo@contoso.com";
const CLIENT_INFO = btoa(JSON.stringify({ uid: "jo", utid: TENANT })).replaceAll("=", "");
const CLAIMS = '{"access_token":{"nbf":{"essential":true,"value":"1"}}}';

/** The values in the requests, by their names. */
type Seen = Record<string, string>;

type Options = { loginHint?: string; tenantId?: string };

/** The HTTP client that `@azure/identity` accepts as an option. */
type HttpClient = NonNullable<theirs.TokenCredentialOptions["httpClient"]>;

/** Gets a token, and signs in the user at the URL with which `opened` resolves. Returns the values in the requests. */
async function watch(
  credential: { getToken(scopes: string, options: object): Promise<{ token: string } | null> },
  getTokenOptions: object,
  { opened, forms, setNonce }: { opened: Promise<string>; forms: Seen[]; setNonce(nonce: string | undefined): void },
): Promise<Seen> {
  const token = credential.getToken(SCOPE, getTokenOptions);
  const shown = readShown(await Promise.race([opened, token.then(() => "", (error) => Promise.reject(error))]));
  setNonce(shown.nonce ?? undefined);
  const page = await sendBack(shown, [["code", "a-code"], ["client_info", CLIENT_INFO], ["state", shown.state]]);
  const { url } = shown;
  const seen: Seen = {
    outcome: (await token)!.token,
    authorize: url.origin + url.pathname,
    page: String(page.status),
    "page content-type": String(page.headers.get("content-type")),
  };
  for (const [name, value] of url.searchParams) seen[`authorize ${name}`] = describeValue(value);
  for (const [name, value] of Object.entries(forms[0]!)) seen[`form ${name}`] = describeValue(value);
  return seen;
}

async function watchOurs(options: Options, getTokenOptions: object): Promise<Seen> {
  let open!: (url: string) => void;
  const opened = new Promise<string>((resolve) => open = resolve);
  const forms: Seen[] = [];
  let nonce: string | undefined;
  const credential = new ours.InteractiveBrowserCredential({
    tenantId: TENANT,
    clientId: CLIENT,
    ...options,
    cache: new Map(),
    env: {},
    fetch(url, { headers, body } = {}) {
      forms.push({ ...Object.fromEntries(new URLSearchParams(String(body))), ...endpoint(String(url), headers) });
      return Promise.resolve(userAnswer({ nonce }));
    },
    runtime: { openUrl: (url) => Promise.resolve(open(url)) },
  });
  return await watch(credential, getTokenOptions, { opened, forms, setNonce: (given) => nonce = given });
}

async function watchTheirs(options: Options, getTokenOptions: object): Promise<Seen> {
  const forms: Seen[] = [];
  let nonce: string | undefined;
  const { promise: opened, done } = catchOpener();
  const credential = new theirs.InteractiveBrowserCredential({
    tenantId: TENANT,
    clientId: CLIENT,
    redirectUri: "",
    ...options,
    httpClient: {
      async sendRequest(request: Parameters<HttpClient["sendRequest"]>[0]) {
        const { url, method, body } = request;
        if (method === "POST") {
          forms.push({
            ...Object.fromEntries(new URLSearchParams(String(body))),
            ...endpoint(url, request.headers.toJSON()),
          });
        }
        const response = userAnswer({ nonce });
        const headers = Object.assign(response.headers, { toJSON: () => Object.fromEntries(response.headers) });
        return { request, status: 200, headers: headers as never, bodyAsText: await response.text() };
      },
    },
  } as unknown as theirs.InteractiveBrowserCredentialNodeOptions);
  try {
    return await watch(credential, getTokenOptions, { opened, forms, setNonce: (given) => nonce = given });
  } finally {
    done();
  }
}

/** Returns the endpoint of a token request, and the account in its routing hint. */
function endpoint(url: string, headers: HeadersInit | undefined): Seen {
  return { "(endpoint)": url.split("?")[0]!, "(anchor)": new Headers(headers).get("x-anchormailbox") ?? "none" };
}

/** Returns a description in place of a value that differs in each run. */
function describeValue(value: string): string {
  if (/^http:\/\/localhost:\d+$/.test(value)) return "http://localhost:<port>";
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value)) return "a GUID";
  return value.length > 20 && /^[\w-]{43,44}$/.test(value) ? `${value.length} characters` : value;
}

type Tag = "hint" | "claims" | "cae";

const NOT_NEEDED = "Not needed for a token";
const HINTS = "MSAL requests claims of the ID token, which this library does not need";

/** The differences in the parameter `claims`, which is in both requests. */
const CLAIMS_DIFFERENCES: readonly Omit<Difference<Tag>, "at">[] = [
  { except: ["claims", "cae"], theirs: `{${ID_TOKEN_CLAIMS}}`, because: HINTS },
  { tags: ["claims"], ours: CLAIMS, theirs: `{"access_token":{${NBF}},${ID_TOKEN_CLAIMS}}`, because: HINTS },
  {
    tags: ["cae"],
    ours: `{"access_token":{${CP1}}}`,
    theirs: `{${ID_TOKEN_CLAIMS},"access_token":{${CP1}}}`,
    because: HINTS,
  },
];

const DIFFERENCES: readonly Difference<Tag>[] = [
  // The authorization request.
  {
    at: "authorize state",
    ours: "43 characters",
    theirs: /^eyJpZCI6/,
    because: "256 random bits; theirs has 122, in JSON that can also hold the state of a page",
  },
  { at: "authorize nonce", ours: "43 characters", because: "It detects an ID token of another sign-in" },
  { at: "authorize client-request-id", theirs: "a GUID", because: "The id is in the token request" },
  { at: "authorize clidata", theirs: "1", because: "Optional: MSAL's statistics" },
  { at: "authorize x-client-SKU", theirs: "msal.js.node", because: "It is in the token request" },
  { at: "authorize x-client-VER", theirs: /^\d+\.\d+\.\d+$/, because: "It is in the token request" },
  { at: "authorize x-client-OS", theirs: /./, because: NOT_NEEDED },
  { at: "authorize x-client-CPU", theirs: /./, because: NOT_NEEDED },
  {
    at: "authorize X-AnchorMailbox",
    tags: ["hint"],
    theirs: `UPN:${USER}`,
    because: "Optional routing hint; the user is in login_hint",
  },
  ...CLAIMS_DIFFERENCES.map((row) => ({ ...row, at: "authorize claims" })),
  // The result page.
  {
    at: "page content-type",
    ours: "text/html; charset=utf-8",
    theirs: "null",
    because: "With a content type, browsers do not guess the type of the page",
  },
  // The token request.
  {
    at: "form code_verifier",
    ours: "43 characters",
    theirs: "44 characters",
    because: "32 random bytes (RFC 7636, section 4.1); theirs has 33, of a smaller alphabet",
  },
  {
    at: "form client-request-id",
    ours: "a GUID",
    because: "Theirs is in the query",
  },
  {
    at: "form (anchor)",
    ours: "none",
    theirs: `Oid:jo@${TENANT}`,
    because: "A custom header makes browsers send a preflight request",
  },
  { at: "form x-client-SKU", ours: "azweb.identity", theirs: "msal.js.node", because: "The name of each library" },
  {
    at: "form x-client-VER",
    ours: /^\d+\.\d+\.\d+/,
    theirs: /^\d+\.\d+\.\d+$/,
    because: "The version of each library",
  },
  { at: "form x-client-OS", theirs: /./, because: NOT_NEEDED },
  { at: "form x-client-CPU", theirs: /./, because: NOT_NEEDED },
  { at: "form x-ms-lib-capability", theirs: "retry-after, h429", because: "Optional: MSAL's throttling capabilities" },
  { at: "form x-client-current-telemetry", theirs: /^5\|/, because: "Optional: MSAL's statistics" },
  { at: "form x-client-last-telemetry", theirs: /^5\|/, because: "Optional: MSAL's statistics" },
  ...CLAIMS_DIFFERENCES.map((row) => ({ ...row, at: "form claims" })),
];

const CASES: readonly { name: string; tags?: readonly Tag[]; options?: Options; getTokenOptions?: object }[] = [
  { name: "defaults" },
  { name: "a login hint", tags: ["hint"], options: { loginHint: USER } },
  { name: "users of any tenant", options: { tenantId: "organizations" } },
  { name: "claims", tags: ["claims"], getTokenOptions: { claims: CLAIMS } },
  { name: "continuous access evaluation", tags: ["cae"], getTokenOptions: { enableCae: true } },
];

for (const { name, tags = [], options = {}, getTokenOptions = {} } of CASES) {
  test(`the requests differ from those of @azure/identity only as listed: ${name}`, async () => {
    const seen = {
      ours: await watchOurs(options, getTokenOptions),
      theirs: await watchTheirs(options, getTokenOptions),
    };
    const expected = DIFFERENCES.filter((row) => appliesTo(row, tags));
    checkDifferences(differ(seen.ours, seen.theirs), expected);
  });
}

function appliesTo({ tags = [], except = [] }: Difference<Tag>, of: readonly Tag[]): boolean {
  return tags.every((tag) => of.includes(tag)) && !except.some((tag) => of.includes(tag));
}
