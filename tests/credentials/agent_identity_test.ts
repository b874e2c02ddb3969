import {
  AgentIdentityCredential,
  type AgentIdentityCredentialOptions,
  ClientSecretCredential,
  OnBehalfOfCredential,
} from "@azweb/identity";
import { createEntra, createFakeClock, type Entra, type FakeClock } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { publicKeys, signAssertion } from "../support/certificates/assertion.ts";
import { CERTIFICATE, KEY } from "../support/certificates/certificates.ts";
import { isolatedOptions, TENANT } from "../support/service.ts";

const BLUEPRINT = "the-blueprint";
const AGENT = "the-agent";
const SECRET = "a-secret-of-the-blueprint";
const GRAPH = "https://graph.microsoft.com/.default";
const STORAGE = "https://storage.azure.com/.default";
const EXCHANGE = "api://AzureADTokenExchange/.default";
/** Claims of the assertion of a machine that the blueprint trusts. */
const MACHINE_CLAIMS = { iss: "https://issuer.example", sub: "a-machine", aud: "api://AzureADTokenExchange" };
const OTHER_TENANT = "99999999-2222-3333-4444-555555555555";

interface Scene {
  readonly entra: Entra;
  readonly clock: FakeClock;
}

/** Creates a simulated Entra with two blueprints, three agents and users, and its clock. */
async function createScene(): Promise<Scene> {
  const clock = createFakeClock();
  const federated = { issuer: MACHINE_CLAIMS.iss, subject: MACHINE_CLAIMS.sub, jwks: await publicKeys("a-key") };
  const authentication = { secrets: [SECRET], certificates: [CERTIFICATE], federatedCredentials: [federated] };
  const entra = createEntra({
    apps: [
      { tenantId: TENANT, clientId: "a-front-end" },
      { tenantId: TENANT, clientId: BLUEPRINT, ...authentication },
      { tenantId: OTHER_TENANT, clientId: BLUEPRINT, ...authentication },
      { tenantId: OTHER_TENANT, clientId: AGENT, blueprintId: BLUEPRINT },
      { tenantId: TENANT, clientId: AGENT, blueprintId: BLUEPRINT },
      { tenantId: TENANT, clientId: "second-agent", blueprintId: BLUEPRINT },
      { tenantId: TENANT, clientId: "other-blueprint", secrets: [SECRET] },
      { tenantId: TENANT, clientId: "agent-of-other", blueprintId: "other-blueprint" },
    ],
    users: [
      { tenantId: TENANT, username: "ada@contoso.com", password: "a-password" },
      { tenantId: TENANT, username: "agent@contoso.com", agentId: AGENT },
      { tenantId: TENANT, username: "second@contoso.com", agentId: "second-agent" },
    ],
    now: clock.now,
  });
  return { entra, clock };
}

/** Creates a credential of the first agent, or with the given options. */
function create(
  { entra, clock }: Scene,
  more: Partial<AgentIdentityCredentialOptions> = { clientSecret: SECRET },
): AgentIdentityCredential {
  const options = isolatedOptions(entra, clock);
  return new AgentIdentityCredential({
    ...options,
    tenantId: TENANT,
    blueprintId: BLUEPRINT,
    agentId: AGENT,
    ...more,
    ...more.runtime && { runtime: { ...options.runtime, ...more.runtime } },
  });
}

/** Returns the forms of the token requests, without the fields that differ in each request. */
function formsOf({ entra }: Scene): Record<string, string>[] {
  return entra.requests.filter(({ method }) => method === "POST").map(({ form: sent }) => {
    const { "client-request-id": _id, "x-client-SKU": _sku, "x-client-VER": _ver, ...form } = sent;
    return form;
  });
}

/** Gets a token and returns its claims. */
async function claimsOf({ entra }: Scene, credential: AgentIdentityCredential, scope = GRAPH) {
  return await entra.verify((await credential.getToken(scope)).token);
}

/** Returns the access token of a user for the app. */
async function userToken({ entra }: Scene, clientId = BLUEPRINT): Promise<string> {
  const form = {
    grant_type: "password",
    client_id: "a-front-end",
    username: "ada@contoso.com",
    password: "a-password",
  };
  const response = await entra.fetch(`https://login.microsoftonline.com/${TENANT}/oauth2/v2.0/token`, {
    method: "POST",
    body: new URLSearchParams({ ...form, scope: `api://${clientId}/access` }),
  });
  entra.requests.length = 0;
  return (await response.json()).access_token;
}

describe("AgentIdentityCredential", () => {
  const clientAuth: Readonly<Record<string, (scene: Scene) => Partial<AgentIdentityCredentialOptions>>> = {
    "a secret": () => ({ clientSecret: SECRET }),
    "a certificate": () => ({
      certificatePath: "/app.pem",
      runtime: { readTextFile: () => Promise.resolve(CERTIFICATE + KEY) },
    }),
    "an assertion": ({ clock }) => ({
      getAssertion() {
        const seconds = Math.floor(clock.now() / 1000);
        return signAssertion({ ...MACHINE_CLAIMS, iat: seconds, exp: seconds + 300 }, { alg: "RS256", kid: "a-key" });
      },
    }),
  };
  for (const [kind, options] of Object.entries(clientAuth)) {
    test(`returns a token of the agent, with ${kind} of the blueprint`, async () => {
      const scene = await createScene();
      const { aud, appid, idtyp } = await claimsOf(scene, create(scene, options(scene)));
      assert.deepEqual([aud, appid, idtyp], ["https://graph.microsoft.com", AGENT, "app"]);
    });
  }

  test("requests an assertion for the agent once, and each token with that assertion", async () => {
    const scene = await createScene();
    const credential = create(scene);
    for (const scope of [GRAPH, STORAGE, GRAPH]) await credential.getToken(scope);
    const [first, second, third, ...others] = formsOf(scene);
    assert.deepEqual(others, []);
    const { client_secret, ...asked } = first!;
    assert.deepEqual(asked, {
      client_id: BLUEPRINT,
      grant_type: "client_credentials",
      scope: EXCHANGE,
      fmi_path: AGENT,
    });
    assert.equal(client_secret, SECRET);
    const { client_assertion, ...own } = second!;
    assert.deepEqual(own, {
      client_id: AGENT,
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      grant_type: "client_credentials",
      scope: GRAPH,
    });
    assert.deepEqual([third!.scope, third!.client_assertion], [STORAGE, client_assertion]);
  });

  test("returns a token of the agent's user account, by name and by id", async () => {
    const scene = await createScene();
    const byName = await claimsOf(scene, create(scene, { clientSecret: SECRET, username: "agent@contoso.com" }));
    assert.deepEqual([byName.appid, byName.upn, byName.idtyp], [AGENT, "agent@contoso.com", "user"]);
    const forms = formsOf(scene);
    assert.deepEqual(forms.map(({ grant_type, scope }) => [grant_type, scope]), [
      ["client_credentials", EXCHANGE],
      ["client_credentials", EXCHANGE],
      ["user_fic", GRAPH],
    ]);
    assert.deepEqual(forms.map(({ client_id, fmi_path }) => [client_id, fmi_path]), [
      [BLUEPRINT, AGENT],
      [AGENT, undefined],
      [AGENT, undefined],
    ]);
    const { client_assertion, user_federated_identity_credential, username, requested_token_use, client_info } =
      forms[2]!;
    assert.deepEqual([username, requested_token_use, client_info], ["agent@contoso.com", "on_behalf_of", "1"]);
    assert.equal(client_assertion, forms[1]!.client_assertion);
    assert.notEqual(user_federated_identity_credential, client_assertion);

    const byId = await claimsOf(scene, create(scene, { clientSecret: SECRET, userId: String(byName.oid) }), STORAGE);
    assert.equal(byId.upn, "agent@contoso.com");
    // Only one more request, because the assertion and the agent's own token are cached.
    assert.equal(formsOf(scene).length, 4);
  });

  test("returns a token on behalf of a user who has signed in to the blueprint", async () => {
    const scene = await createScene();
    const userAssertionToken = await userToken(scene);
    const { upn, appid } = await claimsOf(scene, create(scene, { clientSecret: SECRET, userAssertionToken }));
    assert.deepEqual([upn, appid], ["ada@contoso.com", AGENT]);
    const form = formsOf(scene).at(-1)!;
    assert.deepEqual([form.grant_type, form.assertion, form.requested_token_use], [
      "urn:ietf:params:oauth:grant-type:jwt-bearer",
      userAssertionToken,
      "on_behalf_of",
    ]);
  });

  test("requests assertion and token from the tenant of the call", async () => {
    const scene = await createScene();
    const credential = create(scene, { clientSecret: SECRET, additionallyAllowedTenants: [OTHER_TENANT] });
    const { token } = await credential.getToken(GRAPH, { tenantId: OTHER_TENANT });
    assert.equal((await scene.entra.verify(token)).tid, OTHER_TENANT);
    assert.ok(scene.entra.requests.every(({ url }) => url.includes(OTHER_TENANT)));
  });

  for (
    const [host, audience] of [
      ["login.microsoftonline.us", "USGov"],
      ["Login.microsoftonline.us:443/", "USGov"],
      ["login.chinacloudapi.cn", "China"],
    ]
  ) {
    test(`requests the assertion for the cloud of ${host}`, async () => {
      const scene = await createScene();
      await create(scene, { clientSecret: SECRET, authorityHost: `https://${host}` }).getToken(GRAPH);
      assert.equal(formsOf(scene)[0]!.scope, `api://AzureADTokenExchange${audience}/.default`);
    });
  }

  test("sends the claims of a challenge with the token request, not with the request for the assertion", async () => {
    const scene = await createScene();
    const claims = '{"access_token":{"nbf":{"essential":true,"value":"1"}}}';
    const credential = create(scene);
    await credential.getToken(GRAPH);
    await credential.getToken(GRAPH, { claims });
    assert.deepEqual(formsOf(scene).map(({ claims }) => claims), [undefined, undefined, claims]);
  });

  test("requests a new assertion when the cached one has expired", async () => {
    const scene = await createScene();
    const credential = create(scene);
    await credential.getToken(GRAPH);
    await scene.clock.advance(2 * 3_600_000);
    await credential.getToken(STORAGE);
    assert.deepEqual(formsOf(scene).map(({ scope }) => scope), [EXCHANGE, GRAPH, EXCHANGE, STORAGE]);
  });
});

describe("AgentIdentityCredential, with invalid input", () => {
  const rejected: Readonly<Record<string, [Partial<AgentIdentityCredentialOptions>, RegExp]>> = {
    "an unknown agent": [{ agentId: "no-agent" }, /AADSTS700016/],
    "an agent of another blueprint": [{ agentId: "agent-of-other" }, /AADSTS700016/],
    "a wrong secret": [{ clientSecret: "wrong-secret" }, /AADSTS7000215/],
    "a user who does not exist": [{ username: "no@contoso.com" }, /AADSTS50034/],
    "a user who belongs to no agent": [{ username: "ada@contoso.com" }, /AADSTS50034/],
    "the user of another agent": [{ username: "second@contoso.com" }, /AADSTS50034/],
    "an unknown user id": [{ userId: "11111111-0000-0000-0000-000000000000" }, /AADSTS50034/],
    "a user's token that is not a JWT": [{ userAssertionToken: "not-a-token" }, /AADSTS50013/],
  };
  for (const [cause, [options, code]] of Object.entries(rejected)) {
    test(`rejects each call for ${cause}, with an error that contains no secret`, async () => {
      const scene = await createScene();
      const credential = create(scene, { clientSecret: SECRET, ...options });
      for (let i = 0; i < 2; i++) {
        await assert.rejects(credential.getToken(GRAPH), (error: Error) => {
          assert.equal(error.name, "AuthenticationError");
          assert.match(error.message, /^AgentIdentityCredential: /);
          assert.match(error.message, code);
          assert.doesNotMatch(error.message, /-secret|eyJ/);
          return true;
        });
      }
    });
  }

  test("rejects a user's token for another app", async () => {
    const scene = await createScene();
    const userAssertionToken = await userToken(scene, "other-blueprint");
    await assert.rejects(create(scene, { clientSecret: SECRET, userAssertionToken }).getToken(GRAPH), /AADSTS500131/);
  });

  test("rejects if the assertion expires between the two requests, and recovers", async () => {
    const scene = await createScene();
    const { fetch } = scene.entra;
    // The clock of this second service is ahead, so that the assertion has expired there, but not for the credential.
    let lateInMs = 2 * 3_600_000;
    const late = createEntra({
      apps: [
        { tenantId: TENANT, clientId: BLUEPRINT, secrets: [SECRET] },
        { tenantId: TENANT, clientId: AGENT, blueprintId: BLUEPRINT },
      ],
      now: () => scene.clock.now() + lateInMs,
    });
    const credential = create(scene, {
      clientSecret: SECRET,
      fetch: (input, init) => (String(init?.body).includes("fmi_path") ? fetch : late.fetch)(input, init),
    });
    await assert.rejects(credential.getToken(GRAPH), { name: "AuthenticationError", message: /AADSTS700024/ });
    lateInMs = 0;
    await scene.clock.advance(60_000);
    assert.equal((await claimsOf(scene, credential)).appid, AGENT);
  });

  test("the error for an expired assertion advises to request the token again", async () => {
    const scene = await createScene();
    // The assertion comes from a service whose clock is behind. The credential does not notice, because the response
    // contains a duration instead of a time.
    const early = createEntra({
      apps: [
        { tenantId: TENANT, clientId: BLUEPRINT, secrets: [SECRET] },
        { tenantId: TENANT, clientId: AGENT, blueprintId: BLUEPRINT },
      ],
      now: () => scene.clock.now() - 2 * 3_600_000,
    });
    const credential = create(scene, {
      clientSecret: SECRET,
      fetch: (input, init) => (String(init?.body).includes("fmi_path") ? early.fetch : scene.entra.fetch)(input, init),
    });
    await assert.rejects(
      credential.getToken(GRAPH),
      /AADSTS700024.* The assertion expired .*: Request the token again$/,
    );
  });

  const malformed: Readonly<Record<string, [object, RegExp]>> = {
    "no blueprint": [{ blueprintId: undefined }, /Option "blueprintId" must be a non-empty string/],
    "no agent": [{ agentId: "" }, /Option "agentId" must be a non-empty string/],
    "an agent with a space": [{ agentId: "an agent" }, /Option "agentId" must be the client id/],
    "no tenant": [{ tenantId: undefined }, /"tenantId"/],
    'the tenant "common"': [{ tenantId: "common" }, /"tenantId" must be the app's own tenant/],
    "no client authentication": [
      { clientSecret: undefined },
      /exactly one of "clientSecret", "certificatePath", "getAss/,
    ],
    "two kinds of client authentication": [{ getAssertion: () => Promise.resolve("") }, /exactly one of/],
    "two users": [{ username: "a@contoso.com", userId: "an-id" }, /at most one of "username", "userId"/],
    "an empty user": [{ username: "" }, /Option "username" must be a non-empty string/],
    "a user's token with its scheme": [
      { userAssertionToken: "Bearer ey" },
      /Option "userAssertionToken" must be the token alone, without "Bearer "/,
    ],
    "claims that are not JSON": [{ claimsFromClient: "nonsense" }, /Option "claimsFromClient" must be a JSON object/],
    "claims that are an array": [{ claimsFromClient: "[]" }, /Option "claimsFromClient" must be a JSON object/],
  };
  for (const [cause, [options, message]] of Object.entries(malformed)) {
    test(`the constructor throws for ${cause}`, async () => {
      const scene = await createScene();
      assert.throws(() => create(scene, { clientSecret: SECRET, ...options }), { name: "TypeError", message });
    });
  }
});

describe("agents that share a cache", () => {
  /** The options of each identity, and the expected `appid` and `upn` of its tokens. */
  const identities = [
    { options: { agentId: AGENT }, expected: [AGENT, undefined] },
    { options: { agentId: "second-agent" }, expected: ["second-agent", undefined] },
    { options: { agentId: AGENT, username: "agent@contoso.com" }, expected: [AGENT, "agent@contoso.com"] },
    {
      options: { agentId: "second-agent", username: "second@contoso.com" },
      expected: ["second-agent", "second@contoso.com"],
    },
    { options: { agentId: AGENT, claimsFromClient: "{}" }, expected: [AGENT, undefined] },
    { options: { blueprintId: "other-blueprint", agentId: "agent-of-other" }, expected: ["agent-of-other", undefined] },
  ] as const;

  test("never get the token of another agent, in any order and concurrently", async () => {
    for (let round = 0; round < 20; round++) {
      const scene = await createScene();
      const cache = new Map();
      let seed = round + 1;
      const random = (below: number) => (seed = seed * 16_807 % 2_147_483_647) % below;
      const calls = Array.from({ length: 12 }, async () => {
        const { options, expected } = identities[random(identities.length)]!;
        const credential = create(scene, { clientSecret: SECRET, cache, ...options });
        const scope = [GRAPH, STORAGE, EXCHANGE][random(3)]!;
        const { appid, upn, aud, sub } = await claimsOf(scene, credential, scope);
        assert.deepEqual([appid, upn, `${aud}/.default`], [...expected, scope]);
        // It is not the assertion that the blueprint requests, which has the same audience.
        assert.doesNotMatch(String(sub), /^\/eid1/);
      });
      await Promise.all(calls);
    }
  });

  test("never get the token of another agent after failures, aborts, claims and expiry", async () => {
    let tokens = 0;
    for (let sequence = 0; sequence < 12; sequence++) {
      const scene = await createScene();
      const caches = [new Map(), undefined] as const;
      let seed = sequence + 1;
      const random = (below: number) => (seed = seed * 48_271 % 2_147_483_647) % below;
      for (let step = 0; step < 15; step++) {
        if (random(4) === 0) await scene.clock.advance([61_000, 1_800_000, 3_700_000][random(3)]!);
        if (random(4) === 0) scene.entra.failNext((["silent", { status: 400 }, { status: 503 }] as const)[random(3)]!);
        const { options, expected } = identities[random(identities.length)]!;
        const cache = caches[random(2)];
        const credential = create(scene, {
          clientSecret: SECRET,
          timeoutInMs: 5000,
          ...cache && { cache },
          ...options,
        });
        const scope = [GRAPH, STORAGE, EXCHANGE][random(3)]!;
        const controller = new AbortController();
        const claims = random(5) === 0 ? '{"access_token":{"nbf":{"value":"1"}}}' : undefined;
        const call = credential.getToken(scope, { abortSignal: controller.signal, ...claims && { claims } });
        if (random(6) === 0) controller.abort();
        const outcome = call.then(({ token }) => token, () => undefined);
        const settled = outcome.then(() => true);
        while (!await Promise.race([settled, scene.clock.advance(1000).then(() => false)]));
        const token = await outcome;
        if (token === undefined) continue;
        tokens++;
        const { appid, upn, aud, sub } = await scene.entra.verify(token);
        assert.deepEqual([appid, upn, `${aud}/.default`], [...expected, scope], `sequence ${sequence}, step ${step}`);
        assert.doesNotMatch(String(sub), /^\/eid1/);
      }
    }
    assert.ok(tokens > 60, `${tokens} tokens`);
  });

  test("do not share the assertion with a ClientSecretCredential of the blueprint", async () => {
    const scene = await createScene();
    const cache = new Map();
    await create(scene, { clientSecret: SECRET, cache }).getToken(EXCHANGE);
    const options = { ...isolatedOptions(scene.entra, scene.clock), cache };
    const blueprint = new ClientSecretCredential(TENANT, BLUEPRINT, SECRET, options);
    const { appid, sub } = await scene.entra.verify((await blueprint.getToken(EXCHANGE)).token);
    assert.equal(appid, BLUEPRINT);
    assert.doesNotMatch(String(sub), /^\/eid1/);
  });
});

describe("claimsFromClient", () => {
  const claimsFromClient = '{"access_token":{"xms_nsp":{"value":"a-perimeter"}}}';

  test("is sent, and is part of the cache key", async () => {
    const scene = await createScene();
    const options = isolatedOptions(scene.entra, scene.clock);
    const secret = (claims?: string) =>
      new ClientSecretCredential(TENANT, BLUEPRINT, SECRET, { ...options, claimsFromClient: claims });
    for (const claims of [claimsFromClient, undefined, claimsFromClient, undefined, '{"other":1}']) {
      await secret(claims).getToken(GRAPH);
    }
    assert.deepEqual(formsOf(scene).map(({ claims }) => claims), [claimsFromClient, undefined, '{"other":1}']);
  });

  test("is merged with the claims of a call and the client capability, and takes precedence", async () => {
    const scene = await createScene();
    const options = { ...isolatedOptions(scene.entra, scene.clock), claimsFromClient };
    const credential = new ClientSecretCredential(TENANT, BLUEPRINT, SECRET, options);
    const claims = '{"access_token":{"nbf":{"value":"1"},"xms_nsp":{"essential":true,"value":"no"}},"id_token":{}}';
    await credential.getToken(GRAPH, { claims, enableCae: true });
    assert.deepEqual(JSON.parse(formsOf(scene)[0]!.claims!), {
      access_token: {
        nbf: { value: "1" },
        xms_nsp: { essential: true, value: "a-perimeter" },
        xms_cc: { values: ["cp1"] },
      },
      id_token: {},
    });
  });

  test("is sent with an on-behalf-of request, and with the request for the user account of an agent", async () => {
    const scene = await createScene();
    const userAssertionToken = await userToken(scene);
    const options = { ...isolatedOptions(scene.entra, scene.clock), claimsFromClient, tenantId: TENANT };
    const app = { clientId: BLUEPRINT, clientSecret: SECRET, userAssertionToken };
    await new OnBehalfOfCredential({ ...options, ...app }).getToken(GRAPH);
    await create(scene, { clientSecret: SECRET, username: "agent@contoso.com", claimsFromClient }).getToken(GRAPH);
    assert.deepEqual(formsOf(scene).map(({ grant_type, claims }) => [grant_type, claims]), [
      ["urn:ietf:params:oauth:grant-type:jwt-bearer", claimsFromClient],
      ["client_credentials", undefined],
      ["client_credentials", undefined],
      ["user_fic", claimsFromClient],
    ]);
  });
});
