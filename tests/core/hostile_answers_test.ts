// External text from services, machines, files and tools must neither block nor crash the program: it is cut before a
// regular expression processes it, the work is bounded, and deeply nested JSON is rejected.
import {
  AzurePipelinesCredential,
  ClientCertificateCredential,
  ClientSecretCredential,
  type CredentialOptions,
  DeviceCodeCredential,
  type GetTokenOptions,
  ManagedIdentityCredential,
  WorkloadIdentityCredential,
} from "@azweb/identity";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CERTIFICATE, KEY } from "../support/certificates/certificates.ts";
import {
  arcAnswers,
  CLIENT_ID,
  federatedToken,
  type MachineName,
  machineOptions,
  MACHINES,
  VAULT,
} from "../support/managed_identity/machine.ts";
import {
  type Asked,
  CLIENT,
  createService,
  failureOf,
  isolatedOptions,
  jsonAnswer,
  SCOPE,
  TENANT,
  tokenAnswer,
} from "../support/service.ts";
import { createDesk, NOW, type ToolName } from "../support/developer_tools/tool.ts";
import { watchRegExp } from "../support/project/watch_reg_exp.ts";

const SECRET = "a-secret-that-no-message-shows";
/** The length to which external text is cut. */
const MAX_LENGTH = 16_384;
/** The length limit where a longer text is rejected instead of cut. */
const OTHER_LENGTHS: Readonly<Record<string, number>> = { "the token file of a workload": 65_536 };
/** Maximum number of times that a failing call applies regular expressions. */
const MAX_USES = 500;
/** Maximum number of times that a failing call parses JSON. */
const MAX_PARSES = 250;

/** The most expensive texts: only blanks, escapes of escapes, and text that looks like the beginnings of secrets. */
const HUGE = {
  blanks: `${" ".repeat(70_000)}x`,
  "nested percent signs": `%${"25".repeat(35_000)}`,
  "nested percent signs, up to the limit": `%${"25".repeat(8191)}`,
  "nested entities, up to the limit": `&${"amp;".repeat(4095)}`,
  "zeros of an entity": `&#x${"0".repeat(20_000)}`,
  "broken percent signs": "%ff.".repeat(4096),
  "one word": "a".repeat(70_000),
  lines: "{\n".repeat(20_000),
} as const;

/** Calls `getToken` with an external text in one of its inputs, and returns the failure. */
type Hostile = (text: string) => Promise<Error & Record<string, unknown>>;

const FIELDS = ["error", "error_description", "suberror", "correlation_id", "timestamp", "trace_id", "claims"];

function createSecretCredential(
  answer: (asked: Asked) => unknown,
  options: CredentialOptions = {},
): ClientSecretCredential {
  const isolated = isolatedOptions(createService(answer));
  return new ClientSecretCredential(TENANT, CLIENT, SECRET, {
    ...isolated,
    retryOptions: { maxRetries: 0 },
    ...options,
  });
}

function askSecret(answer: (asked: Asked) => unknown, options: CredentialOptions = {}): ReturnType<Hostile> {
  return failureOf(createSecretCredential(answer, options).getToken(SCOPE));
}

function askMachine(
  name: MachineName,
  answer: (asked: Asked) => unknown,
  { key = "a-key", ...identity }: { key?: string; clientId?: string } = {},
): ReturnType<Hostile> {
  const files = { "/var/opt/azcmagent/tokens/a.key": key };
  const options = machineOptions({ env: { ...MACHINES[name] }, files, service: createService(answer) });
  return failureOf(
    new ManagedIdentityCredential({ ...options, ...identity, retryOptions: { maxRetries: 0 } }).getToken(VAULT),
  );
}

/** Returns a handler that responds like the machine. Azure Arc responds with a challenge first. */
function answerOf(name: MachineName, answer: () => Response): (asked: Asked) => Response {
  return (asked) => name === "Azure Arc" && !asked.headers.has("authorization") ? arcAnswers(asked) : answer();
}

function askTool(tool: ToolName, output: unknown, files: Record<string, string> = {}): ReturnType<Hostile> {
  return failureOf(createDesk(tool, () => output, { files }).credential.getToken(SCOPE));
}

/** Calls `getToken` twice, so that the account of the first sign-in is processed too. */
async function askDevice(answer: (asked: Asked) => unknown, options: object = {}): ReturnType<Hostile> {
  const credential = new DeviceCodeCredential({
    ...isolatedOptions(createService(answer)),
    retryOptions: { maxRetries: 0 },
    clientId: CLIENT,
    userPromptCallback() {},
    // Delays end at once, deadlines never.
    runtime: { sleep: (ms) => ms > 30_000 ? new Promise(() => {}) : Promise.resolve() },
    ...options,
  });
  return await failureOf(
    credential.getToken(SCOPE).then(() => credential.getToken(VAULT)).then(() => {
      throw new Error("It gave a token");
    }),
  );
}

function askPipelines(answer: (asked: Asked) => unknown): ReturnType<Hostile> {
  const options = {
    ...isolatedOptions(createService(answer)),
    retryOptions: { maxRetries: 0 },
    env: { SYSTEM_OIDCREQUESTURI: "https://dev.azure.com/contoso/_apis/oidctoken" },
  };
  return failureOf(new AzurePipelinesCredential(TENANT, CLIENT, "a-connection", SECRET, options).getToken(SCOPE));
}

function askUser(members: Record<string, unknown>, options?: object): ReturnType<Hostile> {
  return askDevice(
    ({ url }) =>
      url.endsWith("/devicecode")
        ? jsonAnswer({ device_code: "a", user_code: "b", verification_uri: "https://c.example", expires_in: 900 })
        : tokenAnswer({ refresh_token: "a-refresh-token", ...members }),
    options,
  );
}

function askWorkload(token: string, options: { env?: Record<string, string>; enableAzureProxy?: true } = {}) {
  const { env, ...rest } = options;
  return failureOf(
    new WorkloadIdentityCredential({
      ...isolatedOptions(createService()),
      ...rest,
      env: {
        AZURE_TENANT_ID: TENANT,
        AZURE_CLIENT_ID: CLIENT,
        AZURE_FEDERATED_TOKEN_FILE: "/token",
        ...env,
      },
      runtime: { readTextFile: () => Promise.resolve(token), tlsFetch: () => () => Promise.resolve(tokenAnswer()) },
    }).getToken(SCOPE),
  );
}

const REGIONAL = { AZURE_REGIONAL_AUTHORITY_NAME: "AutoDiscoverRegion" };

/** Every input of external text. Those of sign-ins are in `hostile_sign_in_test.ts`. */
const PLACES: Readonly<Record<string, Hostile>> = {
  ...Object.fromEntries(FIELDS.map((field) => [
    `"${field}" of a token endpoint`,
    (text: string) => askSecret(() => jsonAnswer({ error: "invalid_client", [field]: text }, { status: 400 })),
  ])),
  "the body of a token endpoint": (text) => askSecret(() => new Response(text, { status: 400 })),
  "an HTML page from a token endpoint": (text) => askSecret(() => new Response(`${text}<html>`)),
  "the error of a request": (text) => askSecret(() => Promise.reject(new Error(text, { cause: new Error(text) }))),
  ...Object.fromEntries(["retry-after", "retry-after-ms", "x-ms-retry-after-ms"].map((header) => [
    `the header "${header}"`,
    (text: string) => askSecret(() => new Response("{}", { status: 429, headers: { [header]: `Mon, ${text}` } })),
  ])),
  "a token's lifetime": (text) => askSecret(() => tokenAnswer({ expires_in: text })),
  "a token's type": (text) => askSecret(() => tokenAnswer({ token_type: text })),
  "the configuration of an authority": (text) =>
    askSecret(() => jsonAnswer({ error: "other", error_description: text }, { status: 500 }), {
      authorityHost: "https://login.example",
    }),
  "the region of a machine": (text) =>
    askSecret(({ url }) => {
      if (url.startsWith("http://169.254.169.254")) return jsonAnswer({ location: text });
      return jsonAnswer({ error: "invalid_client" }, { status: 400 });
    }, { env: REGIONAL }),
  ...Object.fromEntries((Object.keys(MACHINES) as MachineName[]).flatMap((name) => [
    [
      `an error of ${name}`,
      (text: string) =>
        askMachine(
          name,
          answerOf(name, () => jsonAnswer({ error: text, error_description: text, message: text }, { status: 400 })),
        ),
    ],
    [
      `a nested error of ${name}`,
      (text: string) =>
        askMachine(name, answerOf(name, () => jsonAnswer({ error: { code: text, message: text } }, { status: 403 }))),
    ],
    [`a body of ${name}`, (text: string) => askMachine(name, answerOf(name, () => new Response(text)))],
    [
      `the expiry of a token from ${name}`,
      (text: string) =>
        askMachine(name, answerOf(name, () => jsonAnswer({ access_token: "a-token", expires_on: text }))),
    ],
  ])),
  "the challenge of Azure Arc": (text) =>
    askMachine(
      "Azure Arc",
      () => new Response("", { status: 401, headers: { "www-authenticate": `Basic realm=${text}` } }),
    ),
  "the key of Azure Arc": (text) => askMachine("Azure Arc", (asked) => arcAnswers(asked), { key: text }),
  "an error of Azure Pipelines": (text) =>
    askPipelines(() => jsonAnswer({ error: text, error_description: text }, { status: 400 })),
  ...Object.fromEntries(["x-msedge-ref", "x-vss-e2eid"].map((header) => [
    `the header "${header}" of Azure Pipelines`,
    (text: string) => askPipelines(() => new Response("", { status: 401, headers: { [header]: `a${text}z` } })),
  ])),
  "the lifetime of a device code": (text) =>
    askDevice(() =>
      jsonAnswer({ device_code: "a", user_code: "b", verification_uri: "https://c", expires_in: text, interval: text })
    ),
  "an error of a device code": (text) => askDevice(() => jsonAnswer({ error: text, error_description: text })),
  ...Object.fromEntries(["uid", "utid"].map((name) => [
    `"${name}" of an account`,
    (text: string) => askUser({ id_token: idToken(), client_info: encode({ uid: "jo", utid: TENANT, [name]: text }) }),
  ])),
  ...Object.fromEntries(["exp", "iss", "sub", "tid", "preferred_username"].map((claim) => [
    `"${claim}" of an ID token`,
    (text: string) => askUser({ id_token: idToken({ [claim]: text }) }),
  ])),
  "an ID token": (text) => askUser({ id_token: text, client_info: text }),
  "the token file of a workload": (text) => askWorkload(text),
  "the certificates of a token proxy": (text) =>
    askWorkload(federatedToken(), {
      enableAzureProxy: true,
      env: {
        AZURE_KUBERNETES_TOKEN_PROXY: "https://proxy.example",
        AZURE_KUBERNETES_CA_DATA: text.repeat(Math.ceil(1_000_001 / text.length)),
      },
    }),
  "a certificate": (text) => {
    const certificate = `${CERTIFICATE}${KEY}${text.repeat(Math.ceil(1_000_001 / text.length))}`;
    const options = isolatedOptions(createService());
    return failureOf(new ClientCertificateCredential(TENANT, CLIENT, { certificate }, options).getToken(SCOPE));
  },
  ...Object.fromEntries((["az", "azd", "pwsh"] as const).flatMap((tool) => [
    [`what ${tool} says`, (text: string) => askTool(tool, { code: 1, stderr: text, stdout: text })],
    [
      `what ${tool} says between warnings`,
      (text: string) => askTool(tool, { code: 1, stderr: `WARNING: ${text}\nERROR: ${text}` }),
    ],
    [
      `the expiry of a token from ${tool}`,
      (text: string) =>
        askTool(tool, { stdout: JSON.stringify({ token: "a", accessToken: "a", expiresOn: text, expires_on: text }) }),
    ],
    [`why ${tool} cannot be started`, (text: string) => askTool(tool, new Error(text))],
  ])),
};

for (const [place, ask] of Object.entries(PLACES)) {
  test(`text is cut before a regular expression processes it: ${place}`, async () => {
    for (const [kind, text] of Object.entries(HUGE)) {
      const { result: error, use } = await watchRegExp(() => ask(text));
      assert.ok(
        use.longest <= (OTHER_LENGTHS[place] ?? MAX_LENGTH),
        `${kind}: /${use.longestSource}/ was applied to ${use.longest} characters`,
      );
      const uses = [...use.counts.values()].reduce((sum, count) => sum + count, 0);
      assert.ok(uses <= MAX_USES, `${kind}: regular expressions were applied ${uses} times`);
      assert.ok(use.parses <= MAX_PARSES, `${kind}: JSON was parsed ${use.parses} times`);
      assert.ok(error.message.length < 4000, `${kind}: the message has ${error.message.length} characters`);
      assert.ok(!error.message.includes(SECRET));
    }
  });
}

describe("a secret in another encoding is redacted", () => {
  const bytes = [...new TextEncoder().encode(SECRET)];
  const hex = bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const base64 = ["", "a", "an", `${CLIENT}:`].map((before) => btoa(before + SECRET + "?>?>?>"));
  for (
    const text of [
      ...base64,
      ...base64.map((text) => text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")),
      ...base64.map(encodeURIComponent),
      btoa(SECRET),
      hex,
      hex.toUpperCase(),
    ]
  ) {
    test(text, async () => {
      const body = { error: "invalid_client", error_description: `It is not ${text}`, claims: text };
      const error = await askSecret(() => jsonAnswer(body, { status: 400 }));
      assert.match(error.message, /invalid_client \(HTTP 400\)\. \[redacted\]/);
      assert.equal(error.claims, "[redacted]");
    });
  }
});

describe("escapes of escapes", () => {
  /** Returns the secret as a service may return it, escaped several times. */
  function escaped(layers: number): string {
    const once = [...SECRET].map((character) => `%${character.charCodeAt(0).toString(16)}`).join("");
    return once.replaceAll("%", `%${"25".repeat(layers)}`);
  }

  for (const layers of [0, 1, 2, 5, 7, 20, 400]) {
    test(`do not hide a secret: ${layers} layers`, async () => {
      const error = await askSecret(() =>
        jsonAnswer({ error: "invalid_client", error_description: `It is not ${escaped(layers)}` }, { status: 400 })
      );
      assert.match(error.message, /invalid_client \(HTTP 400\)\. \[redacted\]/);
    });
  }

  for (const [before, after] of [["%ff", ""], ["", "%e2%82"], ["%c3%28", "%"]] as const) {
    test(`do not hide a secret between malformed ones: ${before}…${after}`, async () => {
      const body = { error: "invalid_client", error_description: `It is not ${before}${escaped(0)}${after}` };
      const error = await askSecret(() => jsonAnswer(body, { status: 400 }));
      assert.match(error.message, /invalid_client \(HTTP 400\)\. \[redacted\]/);
    });
  }

  test("are decoded in a bounded number of passes", async () => {
    const AS_MANY = "nested percent signs, up to the limit";
    const answer = () => jsonAnswer({ error: "no", error_description: HUGE[AS_MANY] }, { status: 400 });
    const { use } = await watchRegExp(() => askSecret(answer));
    for (const [source, count] of use.counts) assert.ok(count <= 40, `/${source}/ was applied ${count} times`);
  });

  test("are not decoded if there is no secret, as for a metadata service", async () => {
    const body = { error: "no", error_description: HUGE["nested percent signs"] };
    const { result, use } = await watchRegExp(() => askMachine("IMDS", () => jsonAnswer(body, { status: 400 })));
    assert.match(result.message, /: no \(HTTP 400\)\. %2525/);
    assert.deepEqual([...use.counts.keys()].filter((source) => source.includes("%")), []);
  });

  test("a text that is too long to search for secrets is not shown", async () => {
    const error_description = `${"long ".repeat(4000)}${SECRET}`;
    const error = await askSecret(() => jsonAnswer({ error: "no", error_description }, { status: 400 }));
    assert.match(error.message, /: no \(HTTP 400\)\. \[redacted\]$/);
  });
});

describe("the beginning of a text is shown, without a partial secret", () => {
  test("of a service, for a credential without a secret", async () => {
    const error = await askMachine(
      "IMDS",
      () => jsonAnswer({ error: "no", error_description: `It is this${HUGE.blanks}` }, { status: 400 }),
    );
    assert.match(error.message, /: no \(HTTP 400\)\. It is this/);
  });

  for (const tool of ["az", "azd", "pwsh"] as const) {
    test(`of ${tool}, whose output may be cut in the middle of a token`, async () => {
      const half = "eyJhbGciOiJub25l";
      const stderr = `ERROR: It is this${
        " ".repeat(MAX_LENGTH - 17 - half.length)
      }${half}.eyJzdWIiOiJqbyJ9.c2lnbmF0dXJl`;
      const error = await askTool(tool, { code: 1, stderr });
      assert.match(error.message, /It is this/);
      assert.doesNotMatch(error.message, /eyJ/);
    });
  }

  test("of az, without its warnings, however many there are", async () => {
    const stderr = `${"WARNING: This is going to change\n".repeat(2000)}ERROR: The reason`;
    assert.match((await askTool("az", { code: 1, stderr })).message, /ERROR: The reason/);
  });
});

describe("nested JSON", () => {
  const DEPTH = 100_000;
  const deep = (name: string) =>
    `{"${name}":${"[".repeat(DEPTH)}${"]".repeat(DEPTH)},"error":{"code":"x","message":"y"}}`;
  const shallow = `{"error":"invalid_client","error_description":"It is this","x":${"[".repeat(50)}${"]".repeat(50)}}`;

  for (const name of Object.keys(MACHINES) as MachineName[]) {
    for (const [status, member] of [[403, "error_description"], [403, "message"], [400, "other"]] as const) {
      test(`of ${name} is an AuthenticationError: HTTP ${status}, "${member}"`, async () => {
        const answer = answerOf(name, () => new Response(deep(member), { status }));
        // If the request names no identity, a 400 of the metadata service means that the machine has none.
        const error = await askMachine(name, answer, name === "IMDS" ? { clientId: CLIENT_ID } : {});
        assert.equal(error.name, "AuthenticationError");
        assert.match(error.message, new RegExp(`HTTP ${status}: The response is not the JSON of a token service`));
      });
    }
  }

  for (
    const [place, ask] of Object.entries<() => ReturnType<Hostile>>({
      "a token endpoint": () => askSecret(() => new Response(deep("error_description"), { status: 400 })),
      "a token endpoint that seems to give a token": () => askSecret(() => new Response(deep("access_token"))),
      "an authority's configuration": () =>
        askSecret(() => new Response(deep("token_endpoint")), { authorityHost: "https://login.example" }),
      "Azure Pipelines": () => askPipelines(() => new Response(deep("oidcToken"))),
      "a device code": () => askDevice(() => new Response(deep("user_code"))),
      "an ID token": () => askUser({ id_token: `e30.${base64Url(deep("aud"))}.x` }),
      "a workload's token file": () =>
        askWorkload(`e30.${base64Url(`{"iss":${"[".repeat(9000)}${"]".repeat(9000)}}`)}.x`),
    })
  ) {
    test(`of ${place} is an AuthenticationError`, async () => {
      assert.equal((await ask()).name, "AuthenticationError");
    });
  }

  for (const tool of ["az", "azd", "pwsh"] as const) {
    test(`of ${tool} is not accepted as a token`, async () => {
      const error = await askTool(tool, { stdout: deep("tenant") });
      assert.equal(error.name, "CredentialUnavailableError");
    });
  }

  test("of az, whose tenant is checked, is not accepted as a token", async () => {
    const stdout = `{"accessToken":"a","expires_on":${NOW / 1000 + 3600},"tenant":${"[".repeat(DEPTH)}${
      "]".repeat(DEPTH)
    }}`;
    const { credential } = createDesk("az", () => ({ stdout }), { subscription: "a-subscription", tenantId: TENANT });
    assert.equal((await failureOf(credential.getToken(SCOPE))).name, "CredentialUnavailableError");
  });

  for (const options of [{}, { enableCae: true }] as GetTokenOptions[]) {
    test(`in claims is an invalid argument: ${JSON.stringify(options)}`, async () => {
      for (const claims of [deep("access_token"), "[".repeat(DEPTH), `{"a":`.repeat(DEPTH)]) {
        const credential = createSecretCredential(() => tokenAnswer());
        const error = await failureOf(credential.getToken(SCOPE, { ...options, claims }));
        assert.equal(error.name, "TypeError");
        assert.match(error.message, /"claims" must be a JSON object/);
      }
    });
  }

  test("of a usual depth is accepted, and brackets in strings do not count", async () => {
    const error = await askSecret(() => new Response(shallow, { status: 400 }));
    assert.match(error.message, /invalid_client \(HTTP 400\)\. It is this$/);
    const error_description = `It is this: ${"[".repeat(100)}\\"${"{".repeat(100)}`;
    const other = await askSecret(() => jsonAnswer({ error: "invalid_client", error_description }, { status: 400 }));
    assert.match(other.message, /invalid_client \(HTTP 400\)\. It is this: \[{100}/);
  });
});

test("a message lists only the first codes of an error", async () => {
  const body = { error: "no", error_codes: Array(96_000).fill(7000215) };
  const error = await askSecret(() => jsonAnswer(body, { status: 400 }));
  assert.match(error.message, /: no \(HTTP 400, (AADSTS7000215, ){9}AADSTS7000215\)/);
});

test("a message shows the beginning of a user name, on one line", async () => {
  const authenticationRecord = {
    authority: "login.microsoftonline.com",
    homeAccountId: `jo.${TENANT}`,
    clientId: CLIENT,
    tenantId: TENANT,
    username: "jo@contoso.com",
  };
  const preferred_username = `other\r\n${"\u001b[2J".repeat(20_000)}`;
  const error = await askUser({ id_token: idToken({ oid: "other", preferred_username }) }, { authenticationRecord });
  assert.match(error.message, /Expected "jo@contoso\.com", got "other \[2J/);
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(error.message, /[\r\n\u001b]/);
  assert.ok(error.message.length < 2000);
});

test("a private key with which signing would take minutes is rejected", async () => {
  // 65,536 bits.
  const [whole, half] = [8192, 4096].map((length) => der(0x02, new Uint8Array(length).fill(0x7f)));
  const [zero, e] = [der(0x02, Uint8Array.of(0)), der(0x02, Uint8Array.of(1, 0, 1))];
  const key = der(0x30, zero, whole!, e, whole!, half!, half!, half!, half!, half!);
  const pem = `-----BEGIN RSA PRIVATE KEY-----\n${btoa(String.fromCharCode(...key))}\n-----END RSA PRIVATE KEY-----\n`;
  const credential = new ClientCertificateCredential(
    TENANT,
    CLIENT,
    { certificate: CERTIFICATE + pem },
    isolatedOptions(createService()),
  );
  const error = await failureOf(credential.getToken(SCOPE));
  assert.equal(error.name, "AuthenticationError");
  assert.match(error.message, /The private key is longer than 16,384 bits$/);
});

function der(tag: number, ...contents: Uint8Array[]): Uint8Array {
  const length = contents.reduce((sum, { length }) => sum + length, 0);
  const head = length < 0x80 ? [tag, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Uint8Array.from([...head, ...contents.flatMap((content) => [...content])]);
}

function idToken(claims: Record<string, unknown> = {}): string {
  const now = Math.floor(Date.now() / 1000);
  const iss = `https://login.microsoftonline.com/${TENANT}/v2.0`;
  return `eyJhbGciOiJSUzI1NiJ9.${
    encode({ iss, aud: CLIENT, iat: now, exp: now + 3600, tid: TENANT, sub: "jo", oid: "jo", ...claims })
  }.x`;
}

function encode(value: unknown): string {
  return base64Url(JSON.stringify(value));
}

function base64Url(text: string): string {
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
