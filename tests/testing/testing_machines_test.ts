import {
  createAppService,
  createArcServer,
  createAzureMlCompute,
  createCloudShell,
  createFakeClock,
  createServiceFabricNode,
  createVirtualMachine,
  type FaultName,
  type Machine,
  type MachineFault,
  type MachineOptions,
} from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";

const NOON = Date.UTC(2030, 0, 31, 12);
const DAY_IN_S = 86_400;
const VAULT = "https://vault.azure.net";
const IDENTITY = {
  clientId: "11111111-aaaa-4aaa-8aaa-aaaaaaaaaaaa",
  objectId: "22222222-bbbb-4bbb-8bbb-bbbbbbbbbbbb",
  resourceId: "/subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i",
};
const OTHER = { clientId: "33333333-cccc-4ccc-8ccc-cccccccccccc" };
const UNKNOWN_ID = "99999999-9999-4999-8999-999999999999";

type Fields = Record<string, string | undefined>;

/** Changes to a valid request. Values that are `undefined` are omitted. */
interface Changes {
  readonly method?: string;
  readonly headers?: Fields;
  /** Parameters of the query, or of the form for a POST request. */
  readonly parameters?: Fields;
  readonly path?: string;
}

interface Kind {
  readonly create: (options?: MachineOptions) => Machine;
  /** The URL of the endpoint. */
  readonly url: (machine: Machine) => string;
  readonly headers: (machine: Machine) => Fields;
  readonly parameters: Fields;
  /** Whether token requests are POST requests. Default: GET. */
  readonly posts?: boolean;
  /** The parameters that select an identity by its id. */
  readonly ids: Readonly<Record<string, keyof typeof IDENTITY>>;
  /** The members of a successful response, besides the token. */
  readonly members: readonly string[];
  /** The shape of an error, without ids that are generated. */
  readonly error: (status: number, code: string, message: string) => unknown;
}

function oauthError(_status: number, error: string, error_description: string): unknown {
  return { error, error_description };
}

function statusError(statusCode: number, _code: string, message: string): unknown {
  return { statusCode, message };
}

function nestedError(_status: number, code: string, message: string): unknown {
  return { error: { code, message } };
}

const KINDS = {
  "virtual machine": {
    create: (options) => createVirtualMachine({ maxRequestsPerSecond: Infinity, ...options }),
    url: () => "http://169.254.169.254/metadata/identity/oauth2/token",
    headers: () => ({ metadata: "true" }),
    parameters: { "api-version": "2018-02-01", resource: VAULT },
    ids: { client_id: "clientId", object_id: "objectId", msi_res_id: "resourceId" },
    members: ["client_id", "expires_in", "expires_on", "ext_expires_in", "not_before", "resource", "token_type"],
    error: oauthError,
  },
  "App Service": {
    create: createAppService,
    url: ({ env }) => env.IDENTITY_ENDPOINT!,
    headers: ({ env }) => ({ "x-identity-header": env.IDENTITY_HEADER }),
    parameters: { "api-version": "2019-08-01", resource: VAULT },
    ids: { client_id: "clientId", object_id: "objectId", mi_res_id: "resourceId" },
    members: ["client_id", "expires_on", "resource", "token_type"],
    error: statusError,
  },
  "Service Fabric node": {
    create: createServiceFabricNode,
    url: ({ env }) => env.IDENTITY_ENDPOINT!,
    headers: ({ env }) => ({ secret: env.IDENTITY_HEADER }),
    parameters: { "api-version": "2020-05-01", resource: VAULT },
    ids: { principalId: "objectId" },
    members: ["expires_on", "resource", "token_type"],
    error: nestedError,
  },
  "Azure ML compute": {
    create: createAzureMlCompute,
    url: ({ env }) => env.MSI_ENDPOINT!,
    headers: ({ env }) => ({ secret: env.MSI_SECRET }),
    parameters: { "api-version": "2017-09-01", resource: VAULT },
    ids: { clientid: "clientId" },
    members: ["client_id", "expires_on", "resource", "token_type"],
    error: statusError,
  },
  "Cloud Shell": {
    create: createCloudShell,
    url: ({ env }) => env.MSI_ENDPOINT!,
    headers: () => ({ metadata: "true" }),
    parameters: { resource: VAULT },
    posts: true,
    ids: {},
    members: ["expires_in", "expires_on", "ext_expires_in", "not_before", "resource", "token_type"],
    error: nestedError,
  },
  "Arc server": {
    create: createArcServer,
    url: ({ env }) => env.IDENTITY_ENDPOINT!,
    // Each request needs a new key: see `requestToken`.
    headers: () => ({ metadata: "true" }),
    parameters: { "api-version": "2020-06-01", resource: VAULT },
    ids: { client_id: "clientId", object_id: "objectId", msi_res_id: "resourceId" },
    members: ["client_id", "expires_in", "expires_on", "ext_expires_in", "not_before", "resource", "token_type"],
    error: oauthError,
  },
} satisfies Record<string, Kind>;
type KindName = keyof typeof KINDS;
const NAMES = Object.keys(KINDS) as KindName[];

function setUp(name: KindName, options: MachineOptions = {}) {
  const clock = createFakeClock(NOON);
  const kind: Kind = KINDS[name];
  const machine = kind.create({ clock, userAssigned: [IDENTITY, OTHER], ...options });
  return { clock, kind, machine };
}

function defined(fields: Fields): Record<string, string> {
  return Object.fromEntries(
    Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** Creates a valid request with changes. */
function request(kind: Kind, machine: Machine, changes: Changes = {}): [string, RequestInit] {
  const url = new URL(kind.url(machine));
  if (changes.path !== undefined) url.pathname = changes.path;
  const parameters = new URLSearchParams(defined({ ...kind.parameters, ...changes.parameters }));
  const method = changes.method ?? (kind.posts ? "POST" : "GET");
  const headers = defined({ ...kind.headers(machine), ...changes.headers });
  if (kind.posts && method === "POST") return [url.href, { method, headers, body: parameters }];
  return [`${url}?${parameters}`, { method, headers }];
}

/** Returns the fetch that reaches the machine. */
function connect(machine: Machine): typeof fetch {
  const { options, env } = machine;
  return options.runtime.tlsFetch({ thumbprint: env.IDENTITY_SERVER_THUMBPRINT });
}

async function send(kind: Kind, machine: Machine, changes: Changes = {}, init: RequestInit = {}): Promise<Response> {
  const [url, good] = request(kind, machine, changes);
  return await connect(machine)(url, { ...good, ...init });
}

/** Sends a request, and after a challenge sends it again with the key. */
async function requestToken(kind: Kind, machine: Machine, changes: Changes = {}) {
  let response = await send(kind, machine, changes);
  const path = response.headers.get("www-authenticate")?.replace("Basic realm=", "");
  if (path && changes.headers?.authorization === undefined) {
    const authorization = `Basic ${machine.files.get(path)}`;
    response = await send(kind, machine, { ...changes, headers: { ...changes.headers, authorization } });
  }
  // deno-lint-ignore no-explicit-any
  const body: any = await response.json();
  return { status: response.status, body };
}

for (const name of NAMES) {
  describe(name, () => {
    test("returns a token of the system-assigned identity, and the response matches its claims", async () => {
      const { kind, machine } = setUp(name);
      const { status, body } = await requestToken(kind, machine);
      assert.equal(status, 200);
      assert.deepEqual(Object.keys(body).sort(), ["access_token", ...kind.members].sort());
      const claims = await machine.verify(body.access_token);
      assert.equal(claims.aud, VAULT);
      assert.equal(claims.exp, NOON / 1000 + DAY_IN_S);
      assert.equal(claims.iss, `https://sts.windows.net/${claims.tid}/`);
      assert.deepEqual([body.token_type, body.resource], ["Bearer", VAULT]);
      assert.equal(body.expires_on, name === "Service Fabric node" ? claims.exp : String(claims.exp));
      if (kind.members.includes("client_id")) assert.equal(body.client_id, claims.appid);
      if (kind.members.includes("expires_in")) assert.equal(body.expires_in, String(DAY_IN_S));
      if (name === "Cloud Shell") {
        const { idtyp, appidacr, upn, scp, xms_mirid } = claims;
        assert.deepEqual({ idtyp, appidacr, upn, scp, xms_mirid }, {
          idtyp: "user",
          appidacr: "0",
          upn: "jo@contoso.com",
          scp: "user_impersonation",
          xms_mirid: undefined,
        });
      } else {
        assert.deepEqual([claims.idtyp, claims.appidacr, claims.sub], ["app", "2", claims.oid]);
        assert.match(String(claims.xms_mirid), /^\/subscriptions\/.+\/machine$/);
      }
    });

    test("listens at the address of its variables", async () => {
      const { kind, machine } = setUp(name);
      const url = new URL(kind.url(machine));
      const elsewhere = `${url.protocol}//10.1.2.3:4567`;
      const variable = ["IDENTITY_ENDPOINT", "MSI_ENDPOINT"].find((variable) => machine.env[variable]);
      const env = variable
        ? { [variable]: elsewhere + url.pathname }
        : { AZURE_POD_IDENTITY_AUTHORITY_HOST: `${elsewhere}/` };
      const moved = setUp(name, { env: { ...env, MORE: "more" } });
      assert.equal(moved.machine.env.MORE, "more");
      const there = { ...moved.kind, url: () => elsewhere + url.pathname };
      assert.equal((await requestToken(there, moved.machine)).status, 200);
      await assert.rejects(send({ ...kind, url: () => url.href }, moved.machine), TypeError);
    });

    test("can be served by the test's own server", async () => {
      const { kind, machine } = setUp(name);
      const [url, init] = request(kind, machine);
      const { pathname, search } = new URL(url);
      const response = await machine.handle(new Request(`http://127.0.0.1:1${pathname}${search}`, init));
      assert.equal(response.status, name === "Arc server" ? 401 : 200);
    });

    test("caches its token for half of its lifetime", async () => {
      const { kind, machine, clock } = setUp(name);
      const first = (await requestToken(kind, machine)).body;
      clock.set(NOON + DAY_IN_S / 2 * 1000 - 1000);
      const second = (await requestToken(kind, machine)).body;
      assert.equal(second.access_token, first.access_token);
      assert.equal(second.expires_on, first.expires_on);
      if (kind.members.includes("expires_in")) assert.equal(second.expires_in, String(DAY_IN_S / 2 + 1));
      const resource = "https://storage.azure.com";
      const other = (await requestToken(kind, machine, { parameters: { resource } })).body;
      assert.equal((await machine.verify(other.access_token)).aud, resource);
      clock.set(NOON + DAY_IN_S / 2 * 1000);
      assert.notEqual((await requestToken(kind, machine)).body.access_token, first.access_token);
    });

    test("concurrent requests get the same token", async () => {
      const { kind, machine } = setUp(name);
      const responses = await Promise.all(Array.from({ length: 5 }, () => requestToken(kind, machine)));
      assert.equal(new Set(responses.map(({ body }) => body.access_token)).size, 1);
    });

    test("lifetime, refresh time, date format and any member are configurable", async () => {
      const date = NOON / 1000 + 7_200;
      for (
        const [options, expected] of [
          [{}, { expires_on: name === "Service Fabric node" ? date : String(date), refresh_in: undefined }],
          [{ refreshInMs: 60_500 }, { refresh_in: "60" }],
          [{ expiresOn: "string" }, { expires_on: String(date) }],
          [{ expiresOn: "number" }, { expires_on: date }],
          [{ expiresOn: "date" }, { expires_on: "01/31/2030 02:00:00 PM +00:00" }],
          [{ expiresOn: "iso" }, { expires_on: "2030-01-31T14:00:00.000Z" }],
          [{ response: { resource: "another", expires_on: undefined } }, {
            resource: "another",
            expires_on: undefined,
          }],
        ] as const
      ) {
        const { kind, machine } = setUp(name, { tokenLifetimeInMs: 7_200_000, ...options });
        const { body } = await requestToken(kind, machine);
        for (const [member, value] of Object.entries(expected)) {
          assert.equal(body[member], value, `${JSON.stringify(options)}: ${member}`);
        }
        assert.equal((await machine.verify(body.access_token)).exp, date);
      }
    });

    test("refresh_in decreases with time", async () => {
      const { kind, machine, clock } = setUp(name, { refreshInMs: 100_000 });
      await requestToken(kind, machine);
      clock.set(NOON + 40_000);
      assert.equal((await requestToken(kind, machine)).body.refresh_in, "60");
      clock.set(NOON + 140_000);
      assert.equal((await requestToken(kind, machine)).body.refresh_in, "0");
    });

    test("creates a new token for each request with sameTokenForMs 0", async () => {
      const { kind, machine } = setUp(name, { sameTokenForMs: 0 });
      const first = (await requestToken(kind, machine)).body.access_token;
      assert.notEqual((await requestToken(kind, machine)).body.access_token, first);
    });

    test("rejects unknown resources", async () => {
      const { kind, machine } = setUp(name, { resources: [`${VAULT}/`] });
      assert.equal((await requestToken(kind, machine)).status, 200);
      assert.equal(
        (await requestToken(kind, machine, { parameters: { resource: "https://other.example" } })).status,
        400,
      );
    });

    test("options.fetch reaches no host, and the machine's own fetch reaches no other host", async () => {
      const { kind, machine } = setUp(name);
      await assert.rejects(machine.options.fetch(kind.url(machine)), TypeError);
      await assert.rejects(connect(machine)("https://login.microsoftonline.com/"), TypeError);
      assert.equal(machine.requests.length, 0);
    });

    test("records its requests", async () => {
      const { kind, machine } = setUp(name);
      await requestToken(kind, machine);
      const [first] = machine.requests;
      assert.equal(first?.method, kind.posts ? "POST" : "GET");
      assert.deepEqual(kind.posts ? first?.form : first?.query, kind.parameters);
      for (const [header, value] of Object.entries(kind.headers(machine))) assert.equal(first?.headers[header], value);
    });

    test("holds requests until they are released", async () => {
      const { kind, machine } = setUp(name);
      const open = machine.hold();
      let settled = false;
      const pending = send(kind, machine).finally(() => settled = true);
      await machine.untilRequested();
      await new Promise((resolve) => setTimeout(resolve, 0));
      assert.equal(settled, false);
      open();
      await (await pending).text();
    });

    test("responds with 404 at other paths and with 405 to other methods", async () => {
      const { kind, machine } = setUp(name);
      assert.equal((await requestToken(kind, machine, { path: "/nothing/here" })).status, 404);
      assert.equal((await requestToken(kind, machine, { method: kind.posts ? "GET" : "POST" })).status, 405);
    });
  });
}

const TWO_IDS = "Only one of client_id, object_id and msi_res_id may be specified";
const REFUSALS: readonly [KindName, string, Changes, number, string, string][] = [
  [
    "virtual machine",
    "no Metadata header",
    { headers: { metadata: undefined } },
    400,
    "invalid_request",
    "Required metadata header not specified",
  ],
  [
    "virtual machine",
    "a false Metadata header",
    { headers: { metadata: "false" } },
    400,
    "invalid_request",
    "Required metadata header not specified",
  ],
  [
    "virtual machine",
    "a proxy header",
    { headers: { "x-forwarded-for": "10.0.0.1" } },
    400,
    "invalid_request",
    "Header X-Forwarded-For is not allowed",
  ],
  [
    "virtual machine",
    "no version",
    { parameters: { "api-version": undefined } },
    400,
    "invalid_request",
    "Required query variable 'api-version' is missing",
  ],
  [
    "virtual machine",
    "an unknown version",
    { parameters: { "api-version": "2017-09-01" } },
    400,
    "invalid_request",
    "The requested version is not supported",
  ],
  [
    "virtual machine",
    "no resource",
    { parameters: { resource: undefined } },
    400,
    "invalid_request",
    "Required audience parameter not specified",
  ],
  [
    "virtual machine",
    "an unknown client id",
    { parameters: { client_id: UNKNOWN_ID } },
    400,
    "invalid_request",
    "Identity not found",
  ],
  [
    "virtual machine",
    "an unknown object id",
    { parameters: { object_id: UNKNOWN_ID } },
    400,
    "invalid_request",
    "Identity not found",
  ],
  [
    "virtual machine",
    "an unknown resource id",
    { parameters: { msi_res_id: UNKNOWN_ID } },
    400,
    "invalid_request",
    "Identity not found",
  ],
  [
    "virtual machine",
    "an empty client id",
    { parameters: { client_id: "" } },
    400,
    "invalid_request",
    "Identity not found",
  ],
  [
    "virtual machine",
    "two ids",
    { parameters: { client_id: IDENTITY.clientId, object_id: IDENTITY.objectId } },
    400,
    "invalid_request",
    TWO_IDS,
  ],
  ["App Service", "no secret", { headers: { "x-identity-header": undefined } }, 401, "", "Unauthorized"],
  ["App Service", "a wrong secret", { headers: { "x-identity-header": "wrong" } }, 401, "", "Unauthorized"],
  ["App Service", "no version", { parameters: { "api-version": undefined } }, 400, "", "Unknown api-version ''"],
  [
    "App Service",
    "an unknown version",
    { parameters: { "api-version": "2017-09-01" } },
    400,
    "",
    "Unknown api-version '2017-09-01'",
  ],
  [
    "App Service",
    "no resource",
    { parameters: { resource: undefined } },
    400,
    "",
    "The 'resource' parameter is missing",
  ],
  [
    "App Service",
    "an unknown identity",
    { parameters: { mi_res_id: UNKNOWN_ID } },
    400,
    "",
    "Unable to load the proper Managed Identity.",
  ],
  [
    "App Service",
    "two ids",
    { parameters: { client_id: IDENTITY.clientId, mi_res_id: IDENTITY.resourceId } },
    400,
    "",
    "Only one of client_id, object_id and mi_res_id may be specified",
  ],
  [
    "Service Fabric node",
    "no secret",
    { headers: { secret: undefined } },
    400,
    "SecretHeaderNotFound",
    "Secret is not found in the request headers.",
  ],
  [
    "Service Fabric node",
    "a wrong secret",
    { headers: { secret: "wrong" } },
    404,
    "ManagedIdentityNotFound",
    "Managed identity not found for the specified application host.",
  ],
  [
    "Service Fabric node",
    "an unknown version",
    { parameters: { "api-version": "2019-08-01" } },
    400,
    "InvalidApiVersion",
    "The api-version '2019-08-01' is not supported. Supported versions are '2020-05-01', '2019-07-01-preview'",
  ],
  [
    "Service Fabric node",
    "no resource",
    { parameters: { resource: undefined } },
    400,
    "ArgumentNullOrEmpty",
    "The parameter 'resource' should not be null or empty string.",
  ],
  ["Azure ML compute", "no secret", { headers: { secret: undefined } }, 401, "", "Unauthorized"],
  ["Azure ML compute", "a wrong secret", { headers: { secret: "wrong" } }, 401, "", "Unauthorized"],
  [
    "Azure ML compute",
    "an unknown version",
    { parameters: { "api-version": "2019-08-01" } },
    400,
    "",
    "Unknown api-version '2019-08-01'",
  ],
  [
    "Azure ML compute",
    "no resource",
    { parameters: { resource: undefined } },
    400,
    "",
    "The 'resource' parameter is missing",
  ],
  [
    "Azure ML compute",
    "an unknown identity",
    { parameters: { clientid: UNKNOWN_ID } },
    400,
    "",
    "No managed identity found for the specified client id",
  ],
  [
    "Cloud Shell",
    "no Metadata header",
    { headers: { metadata: undefined } },
    400,
    "MetadataHeaderMissing",
    "The metadata header is missing",
  ],
  [
    "Cloud Shell",
    "no resource",
    { parameters: { resource: undefined } },
    400,
    "AudienceNotSupported",
    "Audience  is not a supported MSI token audience",
  ],
  [
    "Arc server",
    "no Metadata header",
    { headers: { metadata: undefined } },
    400,
    "invalid_request",
    "Required metadata header not specified",
  ],
  [
    "Arc server",
    "an unknown version",
    { parameters: { "api-version": "2018-02-01" } },
    400,
    "invalid_request",
    "The requested version is not supported",
  ],
  [
    "Arc server",
    "no resource",
    { parameters: { resource: undefined } },
    400,
    "invalid_request",
    "Required audience parameter not specified",
  ],
  [
    "Arc server",
    "an unknown identity",
    { parameters: { client_id: UNKNOWN_ID } },
    400,
    "invalid_request",
    "Identity not found",
  ],
  [
    "Arc server",
    "a wrong key",
    { headers: { authorization: "Basic wrong" } },
    401,
    "unauthorized_client",
    "Invalid Basic Authorization header",
  ],
  [
    "Arc server",
    "another scheme",
    { headers: { authorization: "Bearer token" } },
    401,
    "unauthorized_client",
    "Missing Basic Authorization header",
  ],
];

for (const [name, what, changes, status, code, message] of REFUSALS) {
  test(`${name}: a request with ${what} is rejected`, async () => {
    const { kind, machine } = setUp(name);
    const response = await requestToken(kind, machine, changes);
    assert.equal(response.status, status);
    const { correlationId, ...body } = response.body;
    if (body.error?.correlationId) delete body.error.correlationId;
    assert.deepEqual(body, kind.error(status, code, message));
    assert.equal(correlationId !== undefined, kind.error === statusError);
    assert.equal((await requestToken(kind, machine)).status, 200);
  });
}

for (const name of NAMES) {
  for (const [parameter, id] of Object.entries((KINDS[name] as Kind).ids)) {
    test(`${name}: "${parameter}" selects an identity, in any letter case`, async () => {
      const { kind, machine } = setUp(name);
      for (const value of [IDENTITY[id], IDENTITY[id].toUpperCase()]) {
        const { status, body } = await requestToken(kind, machine, { parameters: { [parameter]: value } });
        assert.equal(status, 200);
        const { appid, oid, xms_mirid } = await machine.verify(body.access_token);
        assert.deepEqual({ clientId: appid, objectId: oid, resourceId: xms_mirid }, IDENTITY);
        if (kind.members.includes("client_id")) assert.equal(body.client_id, IDENTITY.clientId);
      }
    });
  }
}

test("an identity with only a client id cannot be selected by other ids", async () => {
  const { kind, machine } = setUp("virtual machine");
  const { body } = await requestToken(kind, machine, { parameters: { client_id: OTHER.clientId } });
  const { oid, xms_mirid } = await machine.verify(body.access_token);
  assert.match(String(xms_mirid), new RegExp(`/userAssignedIdentities/${OTHER.clientId}$`));
  for (const parameters of [{ object_id: String(oid) }, { msi_res_id: String(xms_mirid) }, { object_id: "" }]) {
    assert.equal((await requestToken(kind, machine, { parameters })).body.error_description, "Identity not found");
  }
});

test("without a system-assigned identity, a machine uses its only user-assigned one or responds with an error", async () => {
  const one = { systemAssigned: false, userAssigned: [IDENTITY] };
  const many = { systemAssigned: false, userAssigned: [IDENTITY, OTHER] };
  const none = { systemAssigned: false, userAssigned: [] };
  for (
    const [name, options, expected] of [
      ["virtual machine", one, IDENTITY.clientId],
      ["virtual machine", many, 400],
      ["virtual machine", none, 400],
      ["App Service", one, 400],
      ["App Service", none, 400],
      ["Azure ML compute", one, 400],
      ["Service Fabric node", one, IDENTITY.clientId],
      ["Service Fabric node", none, 404],
      ["Arc server", one, 400],
    ] as const
  ) {
    const { kind, machine } = setUp(name, options);
    const { status, body } = await requestToken(kind, machine);
    const got = status === 200 ? (await machine.verify(body.access_token)).appid : status;
    assert.equal(got, expected, `${name} ${JSON.stringify(options)}`);
  }
});

test("an identity needs a client id", () => {
  assert.throws(() => createVirtualMachine({ userAssigned: [{ clientId: "" }] }), TypeError);
});

test("Azure ML: DEFAULT_IDENTITY_CLIENT_ID is the client id of the default identity", async () => {
  const own = setUp("Azure ML compute").machine;
  assert.ok(own.env.DEFAULT_IDENTITY_CLIENT_ID);
  assert.notEqual(own.env.DEFAULT_IDENTITY_CLIENT_ID, IDENTITY.clientId);
  const { kind, machine } = setUp("Azure ML compute", { systemAssigned: false });
  const { DEFAULT_IDENTITY_CLIENT_ID } = machine.env;
  assert.equal(DEFAULT_IDENTITY_CLIENT_ID, IDENTITY.clientId);
  const parameters = { clientid: DEFAULT_IDENTITY_CLIENT_ID };
  assert.equal((await requestToken(kind, machine, { parameters })).body.client_id, IDENTITY.clientId);
});

test("virtual machine: accepts five requests a second", async () => {
  const clock = createFakeClock(NOON);
  const machine = createVirtualMachine({ clock });
  const kind: Kind = KINDS["virtual machine"];
  async function statuses(): Promise<number[]> {
    return (await Promise.all(Array.from({ length: 7 }, () => requestToken(kind, machine)))).map(({ status }) => status)
      .sort();
  }
  assert.deepEqual(await statuses(), [200, 200, 200, 200, 200, 429, 429]);
  await clock.advance(999);
  assert.equal((await requestToken(kind, machine)).body.error, "too_many_requests");
  await clock.advance(1);
  assert.deepEqual(await statuses(), [200, 200, 200, 200, 200, 429, 429]);
});

test("virtual machine: returns its location", async () => {
  const machine = createVirtualMachine({ location: "northeurope" });
  const url = "http://169.254.169.254/metadata/instance/compute";
  const headers = { metadata: "true" };
  const response = await machine.fetch(`${url}?api-version=2021-02-01`, { headers });
  assert.deepEqual(await response.json(), { location: "northeurope" });
  assert.equal((await machine.fetch(`${url}?api-version=2021-02-01`)).status, 400);
  assert.equal((await machine.fetch(url, { headers })).status, 400);
});

describe("Service Fabric node", () => {
  test("accepts the previous API version too", async () => {
    const { kind, machine } = setUp("Service Fabric node");
    const { status } = await requestToken(kind, machine, { parameters: { "api-version": "2019-07-01-preview" } });
    assert.equal(status, 200);
  });

  test("is reached only by a client that pins its thumbprint", async () => {
    const { kind, machine } = setUp("Service Fabric node");
    const { tlsFetch } = machine.options.runtime;
    const thumbprint = machine.env.IDENTITY_SERVER_THUMBPRINT!;
    const [url, init] = request(kind, machine);
    for (const right of [thumbprint, thumbprint.toLowerCase(), thumbprint.replace(/..(?!$)/g, "$&:")]) {
      assert.equal((await tlsFetch({ thumbprint: right })(url, init)).status, 200);
    }
    const count = machine.requests.length;
    const withoutPin = [
      machine.fetch,
      machine.options.localFetch,
      tlsFetch({ thumbprint: thumbprint.replace(/^./, "0") }),
      tlsFetch({ ca: "a certificate" }),
    ];
    for (const fetch of withoutPin) {
      await assert.rejects(
        fetch(url, init),
        /UntrustedServer: The thumbprint of the server's certificate is another one/,
      );
    }
    assert.equal(machine.requests.length, count);
  });

  test("has a certificate with the configured thumbprint", async () => {
    const thumbprint = "0123456789abcdef0123456789abcdef01234567";
    const machine = createServiceFabricNode({ thumbprint });
    assert.equal(machine.env.IDENTITY_SERVER_THUMBPRINT, thumbprint);
    assert.equal((await requestToken(KINDS["Service Fabric node"], machine)).status, 200);
    machine.env.IDENTITY_SERVER_THUMBPRINT = thumbprint.replace("0", "1");
    await assert.rejects(requestToken(KINDS["Service Fabric node"], machine), /UntrustedServer/);
  });

  test("replaces only the token that was revoked", async () => {
    const { kind, machine } = setUp("Service Fabric node");
    const token = async (parameters: Fields = {}) =>
      (await requestToken(kind, machine, { parameters })).body.access_token;
    const first = await token();
    assert.equal(await token({ token_sha256_to_refresh: await sha256("another") }), first);
    const revoked = { token_sha256_to_refresh: await sha256(first) };
    const second = await token(revoked);
    assert.notEqual(second, first);
    assert.deepEqual([await token(), await token(revoked)], [second, second]);
  });

  test("a token with the client capability is cached separately", async () => {
    const { kind, machine } = setUp("Service Fabric node");
    const token = async (parameters: Fields = {}) =>
      (await requestToken(kind, machine, { parameters })).body.access_token;
    const plain = await token();
    const handles = await token({ xms_cc: "cp1" });
    assert.deepEqual((await machine.verify(handles)).xms_cc, ["cp1"]);
    assert.equal((await machine.verify(plain)).xms_cc, undefined);
    assert.equal((await machine.verify(await token({ xms_cc: "other" }))).xms_cc, undefined);
    assert.deepEqual([await token(), await token({ xms_cc: "cp1" })], [plain, handles]);
  });
});

describe("Arc server", () => {
  for (
    const [platform, folder, agent] of [
      ["linux", "/var/opt/azcmagent/tokens/", "/opt/azcmagent/bin/himds"],
      [
        "win32",
        "C:\\ProgramData\\AzureConnectedMachineAgent\\Tokens\\",
        "C:\\Program Files\\AzureConnectedMachineAgent\\himds.exe",
      ],
    ] as const
  ) {
    test(`each challenge names a new key file, which is deleted after its use: ${platform}`, async () => {
      const machine = createArcServer({ platform });
      const kind: Kind = KINDS["Arc server"];
      const { runtime } = machine.options;
      assert.equal(runtime.platform, platform);
      assert.deepEqual([await runtime.fileExists(agent), await runtime.fileExists(`${agent}2`)], [true, false]);
      const paths = [];
      for (let i = 0; i < 2; i++) {
        const response = await send(kind, machine);
        assert.equal(response.status, 401);
        assert.equal((await response.json()).error, "unauthorized_client");
        const path = response.headers.get("www-authenticate")!.replace("Basic realm=", "");
        assert.equal(path.slice(0, folder.length), folder);
        assert.match(path.slice(folder.length), /^[\w-]+\.key$/);
        paths.push(path);
      }
      const [first, second] = await Promise.all(paths.map((path) => runtime.readTextFile(path)));
      assert.notEqual(first, second);
      const headers = { authorization: `Basic ${first}` };
      assert.equal((await requestToken(kind, machine, { headers })).status, 200);
      assert.equal((await requestToken(kind, machine, { headers })).status, 401);
      await assert.rejects(runtime.readTextFile(paths[0]!), { code: "ENOENT" });
      assert.equal((await requestToken(kind, machine, { headers: { authorization: `Basic ${second}` } })).status, 200);
    });
  }

  test("accepts only the content of a file in its folder as a key", async () => {
    const { kind, machine } = setUp("Arc server");
    machine.files.set("/etc/passwd", "content");
    assert.equal((await requestToken(kind, machine, { headers: { authorization: "Basic content" } })).status, 401);
    machine.files.set("/var/opt/azcmagent/tokens/mine.key", "content");
    assert.equal((await requestToken(kind, machine, { headers: { authorization: "Basic content" } })).status, 200);
  });

  test("listens at its default address without its variables", async () => {
    const { machine } = setUp("Arc server", { env: { IDENTITY_ENDPOINT: undefined, IMDS_ENDPOINT: undefined } });
    assert.deepEqual(machine.env, {});
    const kind = { ...KINDS["Arc server"], url: () => "http://localhost:40342/metadata/identity/oauth2/token" };
    assert.equal((await requestToken(kind, machine)).status, 200);
  });

  test("returns the requested id, unless the agent is old", async () => {
    const kind: Kind = KINDS["Arc server"];
    for (const ignoresUserAssigned of [false, true]) {
      const machine = createArcServer({ userAssigned: [IDENTITY], ignoresUserAssigned });
      const { body } = await requestToken(kind, machine, { parameters: { client_id: IDENTITY.clientId } });
      assert.equal(body.client_id === IDENTITY.clientId, !ignoresUserAssigned);
      const byObject = (await requestToken(kind, machine, { parameters: { object_id: IDENTITY.objectId } })).body;
      assert.equal(byObject.object_id, ignoresUserAssigned ? undefined : IDENTITY.objectId);
      const byResource = (await requestToken(kind, machine, { parameters: { msi_res_id: IDENTITY.resourceId } })).body;
      assert.equal(byResource.msi_res_id, ignoresUserAssigned ? undefined : IDENTITY.resourceId);
    }
  });
});

// The first response of Arc would be a challenge. Faults replace it too.
for (const name of NAMES) {
  describe(`${name}: faults`, () => {
    const faults: readonly [MachineFault, number, RegExp | undefined][] = [
      [{ status: 404 }, 404, undefined],
      [{ status: 410 }, 410, undefined],
      [{ status: 500 }, 500, undefined],
      [{ status: 503, body: "" }, 503, /^$/],
      [{ status: 200, body: "" }, 200, /^$/],
      [{ status: 200, body: "null" }, 200, /^null$/],
      [{}, 400, undefined],
      ["html", 200, /^<!DOCTYPE html>/],
      ["unreachable", 403, /unreachable network/],
    ];
    for (const [fault, status, body] of faults) {
      test(`${JSON.stringify(fault)} once, and then a normal response`, async () => {
        const { kind, machine } = setUp(name);
        machine.failNext(fault);
        const response = await send(kind, machine);
        assert.equal(response.status, status);
        const text = await response.text();
        if (body) assert.match(text, body);
        else {
          const given = JSON.parse(text);
          delete given.correlationId;
          if (given.error?.correlationId) delete given.error.correlationId;
          assert.deepEqual(given, kind.error(status, "simulated", "Simulated error"));
        }
        assert.equal((await requestToken(kind, machine)).status, 200);
      });
    }

    test("429 with Retry-After and other headers", async () => {
      const { kind, machine } = setUp(name);
      machine.failNext({ status: 429, retryAfter: 7, headers: { "x-more": "more" } });
      const response = await send(kind, machine);
      assert.deepEqual([response.headers.get("retry-after"), response.headers.get("x-more")], ["7", "more"]);
    });

    test("the configured number of requests fail, in order, until it recovers", async () => {
      const { kind, machine } = setUp(name);
      machine.failNext({ status: 500 }, 2);
      machine.failNext({ status: 410 }, 5);
      machine.failNext({ status: 404 }, 0);
      const statuses = [];
      for (let i = 0; i < 3; i++) statuses.push((await send(kind, machine)).status);
      assert.deepEqual(statuses, [500, 500, 410]);
      machine.recover();
      assert.equal((await requestToken(kind, machine)).status, 200);
    });

    test("a refused connection", async () => {
      const { kind, machine } = setUp(name);
      machine.failNext("refused");
      await assert.rejects(send(kind, machine), TypeError);
      assert.equal(machine.requests.length, 1);
    });

    test("no response until the caller aborts", async () => {
      const { kind, machine } = setUp(name);
      machine.failNext("silent");
      const { signal, abort } = createAbort();
      const pending = send(kind, machine, {}, { signal });
      await machine.untilRequested();
      abort();
      await assert.rejects(pending, /Enough/);
      await assert.rejects(send(kind, machine, {}, { signal }), /Enough/);
      assert.equal(machine.requests.length, 1);
    });

    test("a body that breaks off", async () => {
      const { kind, machine } = setUp(name);
      machine.failNext("reset");
      await assert.rejects((await send(kind, machine)).text(), orFailedFetch(/Connection reset/));
      machine.failNext("truncated");
      await assert.rejects((await send(kind, machine)).json(), SyntaxError);
    });

    test("a body that stops until the caller aborts", async () => {
      const { kind, machine } = setUp(name);
      machine.failNext("stalled");
      const { signal, abort } = createAbort();
      const body = (await send(kind, machine, {}, { signal })).text();
      abort();
      await assert.rejects(body, orFailedFetch(/Enough/));
    });

    test("a body that arrives byte by byte, one a second", async () => {
      const { kind, machine, clock } = setUp(name);
      machine.failNext("slow");
      const started = clock.now();
      const reader = (await send(kind, machine)).body!.getReader();
      for (let i = 0; i < 3; i++) {
        const read = reader.read();
        if (i > 0) await clock.advance(await clock.untilSleeping());
        const { value } = await read;
        assert.equal(value?.length, 1);
        assert.equal(clock.now() - started, i * 1_000);
      }
      await reader.cancel();
    });

    test("a slow body ends when the caller aborts", async () => {
      const { kind, machine, clock } = setUp(name);
      machine.failNext("slow");
      const { signal, abort } = createAbort();
      const body = (await send(kind, machine, {}, { signal })).text();
      await clock.untilSleeping();
      abort();
      await assert.rejects(body, orFailedFetch(/Enough/));
      assert.deepEqual(clock.sleeping, []);
    });

    test("an endless body", async () => {
      const { kind, machine } = setUp(name);
      machine.failNext("endless");
      const reader = (await send(kind, machine)).body!.getReader();
      let length = 0;
      while (length < 11_000_000) length += (await reader.read()).value!.length;
      await reader.cancel();
    });

    test("a redirect that the client follows", async () => {
      const { kind, machine } = setUp(name);
      machine.failNext("redirect");
      const response = await send(kind, machine, {}, { redirect: "manual" });
      assert.equal(new URL(response.headers.get("location")!).host, "elsewhere.example");
      machine.failNext("redirect");
      await send(kind, machine);
      assert.equal(machine.requests.length, 3);
      assert.equal(new URL(machine.requests.at(-1)!.url).host, "elsewhere.example");
    });
  });
}

test("a body that arrives byte by byte in real time can be cancelled too", async () => {
  const machine = createVirtualMachine();
  machine.failNext("slow" satisfies FaultName);
  const { signal, abort } = createAbort();
  const response = await send(KINDS["virtual machine"], machine, {}, { signal });
  const reader = response.body!.getReader();
  await reader.read();
  const second = reader.read();
  abort();
  await assert.rejects(second, /Enough/);
});

/** Returns the pattern for an error of reading a body. In browsers, the error is always "Failed to fetch". */
function orFailedFetch(error: RegExp): RegExp {
  return "document" in globalThis ? /^TypeError: Failed to fetch$/ : error;
}

function createAbort(): { signal: AbortSignal; abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort(new Error("Enough")) };
}

async function sha256(text: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
