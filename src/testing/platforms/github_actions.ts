import { checkOptions, createPlatform, json, type PlatformOptions, type SimulatedPlatform } from "./platform.ts";

const HOST = "run-actions.example";

/**
 * Creates a simulated job of GitHub Actions with the permission `id-token: write`.
 *
 * @param options See {@linkcode PlatformOptions}. The default subject is that of the branch `main` of a repository.
 * @throws {TypeError} An option is unknown.
 *
 * @example
 * ```ts
 * import { ClientAssertionCredential } from "@azweb/identity";
 * import { fromGitHubActions } from "@azweb/identity/federation";
 * import { createEntra, createGitHubActions } from "@azweb/identity/testing";
 * import assert from "node:assert/strict";
 *
 * const job = createGitHubActions();
 * const app = { tenantId: "contoso.com", clientId: "my-app", federatedCredentials: [job.federatedCredential] };
 * const entra = createEntra({ apps: [app], fetch: job.fetch });
 *
 * const getAssertion = fromGitHubActions({ env: job.env, fetch: job.fetch });
 * const credential = new ClientAssertionCredential("contoso.com", "my-app", getAssertion, { env: {}, fetch: entra.fetch });
 * const { token } = await credential.getToken("https://vault.azure.net/.default");
 * assert.equal((await entra.verify(token)).appid, "my-app");
 * ```
 *
 * @see https://docs.github.com/actions/reference/security/oidc
 */
export function createGitHubActions(options: PlatformOptions = {}): SimulatedPlatform {
  checkOptions(options, "createGitHubActions");
  const { subject = "repo:contoso@1/app@2:ref:refs/heads/main" } = options;
  const token = `request-${crypto.randomUUID()}`;
  return createPlatform({
    ...options,
    issuer: "https://token.actions.githubusercontent.com",
    subject,
    lifetimeInS: 300,
    host: HOST,
    env: {
      GITHUB_ACTIONS: "true",
      ACTIONS_ID_TOKEN_REQUEST_URL: `https://${HOST}/idtoken?api-version=2.0`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: token,
    },
    async respond({ method, path, query, headers, issue }) {
      if (method !== "GET" || path !== "/idtoken") return json(404, { message: "Not found" });
      if (headers.authorization !== `Bearer ${token}`) return json(401, { message: "The token is invalid" });
      return json(200, { count: 1, value: await issue(query.audience ?? "https://github.com/contoso") });
    },
  });
}
