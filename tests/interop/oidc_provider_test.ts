// An independent, certified authorization server validates the library's token requests.
import { ClientCertificateCredential, ClientSecretCredential, type CredentialOptions } from "@azweb/identity";
import { createLocalJWKSet, exportJWK, generateKeyPair, importPKCS8, jwtVerify } from "jose";
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import Provider from "oidc-provider";
import { CERTIFICATE, KEY, KEY_ENCRYPTED, OTHER_KEY, PASSWORD } from "../support/certificates/certificates.ts";

const TENANT = "11111111-2222-3333-4444-555555555555";
const TOKEN_PATH = `/${TENANT}/oauth2/v2.0/token`;
const RESOURCE = "https://storage.azure.com";
const SCOPE = `${RESOURCE}/.default`;
const SECRET = "a secret ~.!*'() +%&=\"";

/** A token request, recorded so that a test can send it again. */
interface Posted {
  readonly url: string;
  readonly form: URLSearchParams;
}

interface Refusal {
  readonly error_detail?: string;
  readonly cause?: unknown;
}

interface Server {
  readonly options: CredentialOptions;
  /** The token requests that it received. */
  readonly posted: Posted[];
  /** The server's internal reasons for rejections, which its responses do not contain. */
  readonly refusals: string[];
  /** Returns the claims of a token that the server signed. */
  verify(token: string): Promise<Record<string, unknown>>;
}

/** Runs the authorization server while `use` runs. */
async function withServer(use: (server: Server) => Promise<void>): Promise<void> {
  const http = createServer();
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const issuer = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const { privateKey, publicKey } = await generateKeyPair("RS256", { extractable: true });
  const client = { grant_types: ["client_credentials"], redirect_uris: [], response_types: [] };
  const { publicKey: certificateKey } = new X509Certificate(CERTIFICATE);
  const provider = new Provider(issuer, {
    clients: [
      { ...client, client_id: "with-secret", client_secret: SECRET, token_endpoint_auth_method: "client_secret_post" },
      {
        ...client,
        client_id: "with-certificate",
        token_endpoint_auth_method: "private_key_jwt",
        token_endpoint_auth_signing_alg: "PS256",
        jwks: { keys: [certificateKey.export({ format: "jwk" })] },
      },
    ],
    routes: { token: TOKEN_PATH },
    jwks: { keys: [{ ...await exportJWK(privateKey), kid: "1", alg: "RS256", use: "sig" }] },
    ttl: { ClientCredentials: 3600 },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      // Entra reads the resource from the scope. This server has a parameter for it (RFC 8707).
      resourceIndicators: {
        enabled: true,
        defaultResource: (context: { oidc: { params: { scope: unknown } } }) =>
          String(context.oidc.params.scope).replace(/\/\.default$/, ""),
        getResourceServerInfo: (_context: unknown, resource: string) => ({
          scope: `${resource}/.default`,
          audience: resource,
          accessTokenFormat: "jwt",
          accessTokenTTL: 3600,
        }),
      },
    },
  });
  const refusals: string[] = [];
  provider.on("grant.error", (_context: unknown, error: Refusal) => refusals.push(describe(error)));
  http.on("request", provider.callback());
  const posted: Posted[] = [];
  const keys = createLocalJWKSet({ keys: [{ ...await exportJWK(publicKey), kid: "1", alg: "RS256" }] });
  try {
    await use({
      posted,
      refusals,
      options: {
        authorityHost: issuer,
        allowInsecureLoopback: true,
        disableInstanceDiscovery: true,
        cache: new Map(),
        fetch: (url, init) => {
          posted.push({ url: String(url), form: new URLSearchParams(init?.body as URLSearchParams) });
          return fetch(url, init);
        },
      },
      verify: async (token) => (await jwtVerify(token, keys, { issuer })).payload,
    });
  } finally {
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  }
}

function describe({ error_detail, cause }: Refusal): string {
  return [error_detail, (cause as Error | undefined)?.message].join(" ");
}

async function post({ url, form }: Posted): Promise<{ status: number; error?: string }> {
  const response = await fetch(url, { method: "POST", body: form });
  return { status: response.status, error: (await response.json()).error };
}

/** Changes claims of a JWT and keeps its signature. */
function tamper(assertion: string): string {
  const [header, payload, signature] = assertion.split(".");
  const claims = JSON.parse(Buffer.from(payload!, "base64url").toString());
  const changed = { ...claims, jti: crypto.randomUUID(), exp: claims.exp + 3600 };
  return [header, Buffer.from(JSON.stringify(changed)).toString("base64url"), signature].join(".");
}

test("a client secret gets a token", async () => {
  await withServer(async ({ options, verify, posted }) => {
    const credential = new ClientSecretCredential(TENANT, "with-secret", SECRET, options);
    const { token, expiresOnTimestamp } = await credential.getToken(SCOPE);
    const claims = await verify(token);
    assert.equal(claims.aud, RESOURCE);
    assert.equal(claims.client_id, "with-secret");
    assert.ok(Math.abs(expiresOnTimestamp - Number(claims.exp) * 1000) < 10_000);
    assert.deepEqual(posted.map(({ url }) => new URL(url).pathname), [TOKEN_PATH]);
  });
});

test("a wrong client secret is rejected, and the error contains the server's reason", async () => {
  await withServer(async ({ options, refusals }) => {
    const credential = new ClientSecretCredential(TENANT, "with-secret", "wrong", options);
    await assert.rejects(credential.getToken(SCOPE), {
      name: "AuthenticationError",
      statusCode: 401,
      errorResponse: { error: "invalid_client", errorDescription: "client authentication failed", errorCodes: [] },
      message:
        `ClientSecretCredential: Cannot get a token for "${SCOPE}" from "${options.authorityHost}${TOKEN_PATH}": ` +
        "invalid_client (HTTP 401). client authentication failed",
    });
    assert.match(refusals.join(), /invalid secret/);
  });
});

const configurations = {
  "PEM text": { certificate: CERTIFICATE + KEY },
  "encrypted PEM text": {
    certificate: CERTIFICATE + KEY_ENCRYPTED,
    certificatePassword: PASSWORD,
  },
};

for (const [name, configuration] of Object.entries(configurations)) {
  test(`a client assertion gets a token if certificate and key are ${name}`, async () => {
    await withServer(async ({ options, verify, refusals }) => {
      const credential = new ClientCertificateCredential(TENANT, "with-certificate", configuration, options);
      const { token } = await credential.getToken(SCOPE);
      assert.equal((await verify(token)).client_id, "with-certificate", refusals.join());
    });
  });
}

test("a client assertion gets a token if the key is a CryptoKey that cannot be extracted", async () => {
  await withServer(async ({ options, verify, refusals }) => {
    const configuration = { certificate: CERTIFICATE, privateKey: await importPKCS8(KEY, "PS256") };
    const credential = new ClientCertificateCredential(TENANT, "with-certificate", configuration, options);
    const { token } = await credential.getToken(SCOPE);
    assert.equal((await verify(token)).client_id, "with-certificate", refusals.join());
  });
});

test("each request has a new client assertion, and a repeated one is rejected", async () => {
  await withServer(async ({ options, posted, refusals }) => {
    const configuration = configurations["PEM text"];
    const credential = new ClientCertificateCredential(TENANT, "with-certificate", configuration, options);
    await credential.getToken(SCOPE);
    await credential.getToken("https://vault.azure.net/.default");
    assert.equal(posted.length, 2);
    assert.deepEqual(refusals, []);
    assert.deepEqual(await post(posted[0]!), { status: 401, error: "invalid_client" });
    assert.match(refusals.join(), /must only be used once/);
  });
});

test("a modified client assertion is rejected", async () => {
  await withServer(async ({ options, posted, refusals }) => {
    const configuration = configurations["PEM text"];
    const credential = new ClientCertificateCredential(TENANT, "with-certificate", configuration, options);
    await credential.getToken(SCOPE);
    const { url, form } = posted[0]!;
    form.set("client_assertion", tamper(form.get("client_assertion")!));
    assert.deepEqual(await post({ url, form }), { status: 401, error: "invalid_client" });
    assert.match(refusals.join(), /signature/);
  });
});

test("a client assertion signed with another key is rejected, and the error contains the server's reason", async () => {
  await withServer(async ({ options, refusals }) => {
    // With the certificate instead of a thumbprint, the library itself would detect the wrong key.
    const configuration = { thumbprint: "0".repeat(64), privateKey: await importPKCS8(OTHER_KEY, "PS256") };
    const credential = new ClientCertificateCredential(TENANT, "with-certificate", configuration, options);
    await assert.rejects(credential.getToken(SCOPE), {
      name: "AuthenticationError",
      statusCode: 401,
      message: /^ClientCertificateCredential: Cannot get a token for .*: invalid_client \(HTTP 401\)/,
    });
    assert.match(refusals.join(), /signature/);
  });
});
