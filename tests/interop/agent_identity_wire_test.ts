// Compares the requests of agent identities with those of msal-node, field by field. msal-node has no credential for
// agents: the app calls it once for each step.
// Runs on: deno, node
import { ConfidentialClientApplication } from "@azure/msal-node";
import { AgentIdentityCredential, type AgentIdentityCredentialOptions } from "@azweb/identity";
import { createEntra } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import { isolatedOptions, TENANT } from "../support/service.ts";

const BLUEPRINT = "the-blueprint";
const AGENT = "the-agent";
const SECRET = "a-secret";
const GRAPH = "https://graph.microsoft.com/.default";
const EXCHANGE = "api://AzureADTokenExchange/.default";
const USER = "agent@contoso.com";
const CLAIMS = '{"access_token":{"xms_nsp":{"value":"a-perimeter"}}}';

/** Fields that each library sends in its own way, in every request. */
const OWN = ["client-request-id", "x-client-", "x-ms-lib-capability", "x-app-", "client_info", "scope", "claims"];

/** What differs, and why. */
const DIFFERENCES: Readonly<Record<string, string>> = {
  requested_token_use: "user_fic: documented by Entra, not sent by msal-node",
};

function createWorld() {
  return createEntra({
    apps: [
      { tenantId: TENANT, clientId: "front-end" },
      { tenantId: TENANT, clientId: BLUEPRINT, secrets: [SECRET] },
      { tenantId: TENANT, clientId: AGENT, blueprintId: BLUEPRINT },
    ],
    users: [
      { tenantId: TENANT, username: USER, agentId: AGENT },
      { tenantId: TENANT, username: "ada@contoso.com", password: "a-password" },
    ],
  });
}

type World = ReturnType<typeof createWorld>;

function formsOf({ requests }: World): Record<string, string>[] {
  return requests.filter(({ method }) => method === "POST").map(({ form }) => form);
}

/** Returns an app of msal-node that sends its requests to the simulated service. */
function msal({ fetch }: World, clientId: string, auth: object): ConfidentialClientApplication {
  const send = async (url: string, init: RequestInit) => {
    const response = await fetch(url, init);
    return { headers: Object.fromEntries(response.headers), body: await response.json(), status: response.status };
  };
  // deno-lint-ignore no-explicit-any
  const networkClient: any = {
    sendGetRequestAsync: (url: string) => send(url, {}),
    sendPostRequestAsync: (url: string, options: { body: string; headers: Record<string, string> }) =>
      send(url, { method: "POST", body: options.body, headers: options.headers }),
  };
  const authority = `https://login.microsoftonline.com/${TENANT}`;
  return new ConfidentialClientApplication({ auth: { clientId, authority, ...auth }, system: { networkClient } });
}

async function tokenOf(result: Promise<{ accessToken: string } | null>): Promise<string> {
  return (await result)!.accessToken;
}

function compare(ours: Record<string, string>, theirs: Record<string, string>, tokens: readonly string[]): string[] {
  const names = [...new Set([...Object.keys(ours), ...Object.keys(theirs)])].filter((name) =>
    !OWN.some((own) => name.startsWith(own)) && !tokens.includes(name)
  );
  for (const name of tokens) assert.ok(ours[name] && theirs[name], `${name} is missing`);
  return names.filter((name) => ours[name] !== theirs[name]);
}

async function ours(world: World, more: Partial<AgentIdentityCredentialOptions> = {}): Promise<string> {
  const options = { ...isolatedOptions(world), cache: new Map(), tenantId: TENANT, clientSecret: SECRET };
  const credential = new AgentIdentityCredential({ ...options, blueprintId: BLUEPRINT, agentId: AGENT, ...more });
  return (await credential.getToken(GRAPH)).token;
}

/** The steps that an app takes with msal-node, up to the agent's own token for the scope. */
async function theirs(world: World, scope: string): Promise<{ agent: ConfidentialClientApplication; token: string }> {
  const blueprint = msal(world, BLUEPRINT, { clientSecret: SECRET });
  const assertion = await tokenOf(
    blueprint.acquireTokenByClientCredential({ scopes: [EXCHANGE], fmiPath: AGENT }),
  );
  const agent = msal(world, AGENT, { clientAssertion: assertion });
  return { agent, token: await tokenOf(agent.acquireTokenByClientCredential({ scopes: [scope] })) };
}

test("an agent identity sends what msal-node sends", async () => {
  const [ourWorld, theirWorld] = [createWorld(), createWorld()];
  await ours(ourWorld);
  await theirs(theirWorld, GRAPH);
  const [our, their] = [formsOf(ourWorld), formsOf(theirWorld)];
  assert.deepEqual([our.length, their.length], [2, 2]);
  assert.deepEqual(compare(our[0]!, their[0]!, []), []);
  assert.deepEqual(compare(our[1]!, their[1]!, ["client_assertion"]), []);
  assert.deepEqual(our.map(({ scope }) => scope), [EXCHANGE, GRAPH]);
  assert.deepEqual(their.map(({ scope }) => scope!.split(" ")[0]), [EXCHANGE, GRAPH]);
});

test("the user of an agent sends what msal-node sends", async () => {
  const [ourWorld, theirWorld] = [createWorld(), createWorld()];
  await ours(ourWorld, { username: USER, claimsFromClient: CLAIMS });
  const { agent, token } = await theirs(theirWorld, EXCHANGE);
  await agent.acquireTokenByUserFederatedIdentityCredential({
    scopes: [GRAPH],
    assertion: token,
    username: USER,
    claimsFromClient: CLAIMS,
  });
  const [our, their] = [formsOf(ourWorld).at(-1)!, formsOf(theirWorld).at(-1)!];
  const tokens = ["client_assertion", "user_federated_identity_credential"];
  assert.deepEqual(compare(our, their, tokens), Object.keys(DIFFERENCES));
  assert.equal(our.requested_token_use, "on_behalf_of");
  assert.deepEqual([our.client_info, their.client_info], ["1", "1"]);
  const claims = [our, their].map(({ claims }) => JSON.parse(claims!).access_token);
  assert.deepEqual(claims[0], claims[1]);
});

test("an agent on behalf of a user sends what msal-node sends", async () => {
  const [ourWorld, theirWorld] = [createWorld(), createWorld()];
  const body = new URLSearchParams({
    grant_type: "password",
    client_id: "front-end",
    username: "ada@contoso.com",
    password: "a-password",
    scope: `api://${BLUEPRINT}/access`,
  });
  const url = `https://login.microsoftonline.com/${TENANT}/oauth2/v2.0/token`;
  const { access_token } = await (await ourWorld.fetch(url, { method: "POST", body })).json();
  await ours(ourWorld, { userAssertionToken: access_token });
  const { agent } = await theirs(theirWorld, EXCHANGE);
  await agent.acquireTokenOnBehalfOf({ scopes: [GRAPH], oboAssertion: access_token });
  const [our, their] = [formsOf(ourWorld).at(-1)!, formsOf(theirWorld).at(-1)!];
  assert.deepEqual(compare(our, their, ["client_assertion", "assertion"]), []);
});
