// Runs on: deno
//
// Compares the requests of the sources with those of the platforms' own libraries, and lets independent verifiers check
// the assertions.
import { getIDToken } from "@actions/core";
import { GetWebIdentityTokenCommand, STSClient } from "@aws-sdk/client-sts";
import { ClientAssertionCredential } from "@azweb/identity";
import {
  fromAws,
  fromGitHubActions,
  fromGoogleCloud,
  fromPrivateKey,
  fromVercel,
  issuerDocuments,
} from "@azweb/identity/federation";
import { createEntra } from "@azweb/identity/testing";
import { AwsClient } from "aws4fetch";
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { getVercelOidcToken } from "@vercel/oidc";
import { AUDIENCE, jwtOf } from "../support/federation/assertions.ts";
import { serveHttp } from "../support/http_server.ts";
import { startIssuer } from "../support/interop/issuer.ts";
import { CLIENT, createService, failureOf, isolatedOptions, jsonAnswer, SCOPE, TENANT } from "../support/service.ts";

const IN_AN_HOUR = Math.floor(Date.now() / 1000) + 3600;
const JWT = jwtOf({ exp: IN_AN_HOUR });
const PYTHON = "/usr/bin/python3";

/** A request, without what only a library's transport adds. */
interface Recorded {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  readonly body: string;
}

/** A server that records its requests. */
async function startServer(respond: (request: Request) => Response) {
  const requests: Recorded[] = [];
  const server = await serveHttp(async (request) => {
    const { method, url, headers } = request;
    requests.push({ method, url: new URL(url), headers, body: await request.text() });
    return respond(request);
  });
  return { ...server, requests };
}

/** Sets variables of the process while the function runs. */
async function withVariables(variables: Record<string, string>, run: () => Promise<unknown>): Promise<void> {
  Object.assign(process.env, variables);
  try {
    await run();
  } finally {
    for (const name of Object.keys(variables)) delete process.env[name];
  }
}

/** Asserts that both requests are equal, in the given headers and in all but the encoding of the query. */
function assertEqual([theirs, ours]: readonly Recorded[], names: readonly string[]): void {
  const parts = ({ method, url, headers, body }: Recorded) => ({
    method,
    path: url.pathname,
    query: [...url.searchParams],
    headers: names.map((name) => headers.get(name)),
    body,
  });
  assert.deepEqual(parts(ours!), parts(theirs!));
}

test("GitHub Actions: the request is that of @actions/core", async () => {
  const server = await startServer(() => jsonAnswer({ count: 1, value: JWT }));
  const env = {
    ACTIONS_ID_TOKEN_REQUEST_URL: `${server.url}/idtoken?api-version=2.0`,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: "a-request-token",
  };
  try {
    await withVariables(env, async () => assert.equal(await getIDToken(AUDIENCE), JWT));
    assert.equal(await fromGitHubActions({ env, allowInsecureLoopback: true, authorityHost: "https://x" })(), JWT);
    assertEqual(server.requests, ["accept", "authorization"]);
    assert.equal(server.requests[0]!.url.search, server.requests[1]!.url.search);
  } finally {
    await server.close();
  }
});

test("Google Cloud: the request is that of google-auth-library", async () => {
  const server = await startServer(() => new Response(JWT, { headers: { "metadata-flavor": "Google" } }));
  const env = { GCE_METADATA_HOST: new URL(server.url).host };
  try {
    await withVariables(env, async () => {
      const { Compute } = await import("google-auth-library");
      assert.equal(await new Compute().fetchIdToken(AUDIENCE), JWT);
    });
    assert.equal(await fromGoogleCloud({ env })(), JWT);
    const requests = server.requests.filter(({ url }) => url.pathname.endsWith("/identity"));
    for (const { url } of requests) url.searchParams.sort();
    assertEqual(requests, ["metadata-flavor"]);
  } finally {
    await server.close();
  }
});

test("AWS: the body is that of the SDK, and the signature that of aws4fetch", async () => {
  const credentials = {
    accessKeyId: "AKIDEXAMPLE",
    secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    sessionToken: "a-session/token==",
  };
  const xml = "<GetWebIdentityTokenResponse><GetWebIdentityTokenResult>" +
    `<WebIdentityToken>${JWT}</WebIdentityToken><Expiration>2030-01-01T12:05:00Z</Expiration>` +
    "</GetWebIdentityTokenResult></GetWebIdentityTokenResponse>";
  const server = await startServer(() => new Response(xml, { headers: { "content-type": "text/xml" } }));
  const service = createService(() => new Response(xml));
  try {
    const client = new STSClient({ region: "eu-central-1", endpoint: server.url, credentials });
    const input = { Audience: [AUDIENCE], SigningAlgorithm: "RS256", DurationSeconds: 300 };
    const { WebIdentityToken } = await client.send(new GetWebIdentityTokenCommand(input));
    assert.equal(WebIdentityToken, JWT);
    client.destroy();
  } finally {
    await server.close();
  }
  const options = { env: {}, region: "eu-central-1", credentials: () => credentials, fetch: service.fetch };
  assert.equal(await fromAws(options)(), JWT);
  const [theirs] = server.requests;
  const [ours] = service.requests;
  assert.deepEqual([ours!.method, ours!.body], [theirs!.method, theirs!.body]);
  assert.deepEqual([ours!.headers, theirs!.headers].map((headers) => headers.get("content-type")), [
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded",
  ]);
  const judge = new AwsClient({ ...credentials, service: "sts", region: "eu-central-1" });
  const signed = await judge.sign(ours!.url, {
    method: "POST",
    headers: { "content-type": ours!.headers.get("content-type")! },
    body: ours!.body,
    aws: { datetime: ours!.headers.get("x-amz-date")!, allHeaders: true },
  });
  assert.equal(ours!.headers.get("authorization"), signed.headers.get("authorization"));
});

test("Vercel: the exchange is that of @vercel/oidc, and a header takes precedence over the variable in both", async () => {
  const [header, variable] = ["header", "variable"].map((jti) =>
    jwtOf({ exp: IN_AN_HOUR, jti, aud: "https://vercel.com/x" })
  );
  const symbol = Symbol.for("@vercel/request-context");
  const context = globalThis as { [symbol]?: unknown; fetch: typeof globalThis.fetch };
  const { fetch: original } = context;
  const service = createService(() => jsonAnswer({ token: JWT }));
  const env = { VERCEL_OIDC_TOKEN: variable! };
  try {
    context.fetch = service.fetch;
    await withVariables(env, async () => {
      context[symbol] = { get: () => ({ headers: { "x-vercel-oidc-token": header } }) };
      assert.equal(await getVercelOidcToken({ audience: AUDIENCE }), JWT);
      assert.equal(await fromVercel({ env })(), JWT);
      delete context[symbol];
      await getVercelOidcToken({ audience: AUDIENCE });
      await fromVercel({ env })();
    });
  } finally {
    context.fetch = original;
    delete context[symbol];
  }
  const parts = service.requests.map(({ url, method, headers, body }) =>
    JSON.stringify([url, method, headers.get("accept"), headers.get("content-type"), body])
  );
  assert.equal(parts.length, 4);
  assert.deepEqual([parts[1], parts[3]], [parts[0], parts[2]]);
  assert.notEqual(parts[0], parts[2]);
});

test("an independent issuer, oidc-provider: a token that it signs is exchanged for a token of the app", async () => {
  const issuer = await startIssuer(AUDIENCE);
  try {
    const federatedCredentials = [{ issuer: issuer.url, subject: issuer.clientId }];
    const entra = createEntra({ apps: [{ tenantId: TENANT, clientId: CLIENT, federatedCredentials }], fetch });
    const source = () => issuer.requestToken();
    const credential = new ClientAssertionCredential(TENANT, CLIENT, source, isolatedOptions(entra));
    assert.equal((await entra.verify((await credential.getToken(SCOPE)).token)).appid, CLIENT);
    const wrong = [{ issuer: issuer.url, subject: "another" }];
    const refusing = createEntra({
      apps: [{ tenantId: TENANT, clientId: CLIENT, federatedCredentials: wrong }],
      fetch,
    });
    const refused = new ClientAssertionCredential(
      TENANT,
      CLIENT,
      () => issuer.requestToken(),
      isolatedOptions(refusing),
    );
    const { message } = await failureOf(refused.getToken(SCOPE));
    assert.ok(message.includes(`--issuer '${issuer.url}' --subject '${issuer.clientId}'`), message);
  } finally {
    await issuer.close();
  }
});

const withoutPython = !existsSync(PYTHON) && `There is no ${PYTHON}`;

test("our own issuer: PyJWT verifies the assertion with its documents", { skip: withoutPython }, async () => {
  const algorithm = {
    name: "RSASSA-PKCS1-v1_5",
    hash: "SHA-256",
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
  };
  const { privateKey: key, publicKey } = await crypto.subtle.generateKey(algorithm, true, [
    "sign",
    "verify",
  ]) as CryptoKeyPair;
  const issuer = "https://issuer.contoso.com";
  const { jwks } = await issuerDocuments(issuer, [{ keyId: "2030-01", publicKey }]);
  const jwt = await fromPrivateKey({ issuer, subject: "my-worker", keyId: "2030-01", key, env: {} })();
  const program = `
import json, jwt, sys
token, jwks = sys.argv[1:]
key = next(key for key in jwt.PyJWKSet.from_json(jwks).keys if key.key_id == jwt.get_unverified_header(token)["kid"])
print(json.dumps(jwt.decode(token, key.key, algorithms=["RS256"], audience="${AUDIENCE}", issuer="${issuer}")))`;
  const output = await new Promise<string>((resolve, reject) =>
    execFile(
      PYTHON,
      ["-c", program, jwt, JSON.stringify(jwks)],
      (error, stdout) => error ? reject(error) : resolve(stdout),
    )
  );
  assert.equal(JSON.parse(output).sub, "my-worker");
});
