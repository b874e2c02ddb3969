import { checkFault, respondWithFault } from "../faults.ts";
import { createSimulatedService, type RecordedRequest, type SimulatedService } from "../simulated_service.ts";
import { createBrowser, type EntraBrowser } from "./browser.ts";
import { enterUserCode } from "./device_codes.ts";
import { createDirectory, same } from "./directory.ts";
import type { EntraOptions } from "./entra_options.ts";
import { addCorsHeaders, handleRequest } from "./router.ts";
import { ENTRA_FAULT_MEMBERS, type EntraFault, entraFaultResponse } from "./service_error.ts";
import { verify } from "./signing_key.ts";

/** A simulated Entra: see {@linkcode createEntra}. Its `fetch` responds for every host. */
export interface Entra extends SimulatedService<EntraFault> {
  /**
   * Verifies the signature and the expiry of an access token or ID token.
   *
   * @param token The token, a JWT.
   * @returns Its claims.
   */
  verify(token: string): Promise<Record<string, unknown>>;
  /**
   * Sets the user of the browser for the next sign-ins.
   *
   * @param username The user principal name, or `null` for a user who declines. By default, and initially, the user in
   * the `login_hint` of the request, else the first user of the tenant.
   */
  signInAs(username?: string | null): void;
  /**
   * The browser. Pass it as the option `runtime` of an `InteractiveBrowserCredential`. Its user signs in at once, and
   * the authorization response is sent to a simulated loopback address. If Entra shows an error instead of redirecting
   * the browser, `openUrl` rejects with the error.
   */
  readonly browser: EntraBrowser;
  /**
   * Enters the user code of a device code sign-in.
   *
   * @param userCode The code that the app shows.
   * @param username The user principal name, or `null` for a user who declines.
   * @throws {TypeError} The code or the user is unknown.
   */
  enterUserCode(userCode: string, username: string | null): void;
  /**
   * Revokes the refresh tokens of a user; their next use fails with AADSTS50173.
   *
   * @param username The user principal name.
   */
  revokeSessions(username: string): void;
}

/**
 * Creates a simulated Microsoft Entra: a token service that validates requests as Entra does, signs its tokens, sends
 * Entra's error responses, fails on demand, and records requests. It needs no network and works on every runtime.
 *
 * For every host, it has the authorization endpoint (with PKCE), the device authorization endpoint, the token endpoint
 * (`authorization_code`, `client_credentials`, `device_code`, `password`, `refresh_token`, and on-behalf-of), the
 * OpenID configuration, the keys, and instance discovery of Entra; for the tenant `"adfs"` it has those of Active
 * Directory Federation Services.
 *
 * @param options See {@linkcode EntraOptions}.
 * @throws {TypeError} An app or a user lacks a required member; an option, or a member of an app, a secret, a federated
 * credential or a user, is unknown; or the origin is not a URL.
 *
 * @example Acquire a token with a client secret
 * ```ts
 * import { ClientSecretCredential } from "@azweb/identity";
 * import { createEntra } from "@azweb/identity/testing";
 * import assert from "node:assert/strict";
 *
 * const tenantId = "11111111-2222-3333-4444-555555555555";
 * const entra = createEntra({ apps: [{ tenantId, clientId: "my-app", secrets: ["my-secret"] }] });
 *
 * const credential = new ClientSecretCredential(tenantId, "my-app", "my-secret", { env: {}, fetch: entra.fetch });
 * const { token } = await credential.getToken("https://storage.azure.com/.default");
 *
 * assert.equal((await entra.verify(token)).aud, "https://storage.azure.com");
 * assert.equal(entra.requests.length, 1);
 * assert.equal(entra.requests[0]?.form.grant_type, "client_credentials");
 * ```
 *
 * @example Sign a user in with the browser
 * ```ts
 * import { InteractiveBrowserCredential } from "@azweb/identity";
 * import { createEntra } from "@azweb/identity/testing";
 * import assert from "node:assert/strict";
 *
 * const entra = createEntra({
 *   apps: [{ tenantId: "contoso.com", clientId: "my-app", redirectUris: ["http://localhost"] }],
 *   users: [{ tenantId: "contoso.com", username: "jo@contoso.com", password: "a-password" }],
 * });
 * const credential = new InteractiveBrowserCredential({
 *   tenantId: "contoso.com",
 *   clientId: "my-app",
 *   env: {},
 *   fetch: entra.fetch,
 *   runtime: entra.browser,
 * });
 *
 * entra.signInAs("jo@contoso.com");
 * const { token } = await credential.getToken("https://graph.microsoft.com/User.Read");
 * assert.equal((await entra.verify(token)).upn, "jo@contoso.com");
 * ```
 *
 * @example Sign a user in with a device code
 * ```ts
 * import { DeviceCodeCredential } from "@azweb/identity";
 * import { createEntra, createFakeClock } from "@azweb/identity/testing";
 * import assert from "node:assert/strict";
 *
 * const clock = createFakeClock();
 * const entra = createEntra({
 *   apps: [{ tenantId: "contoso.com", clientId: "my-app" }],
 *   users: [{ tenantId: "contoso.com", username: "jo@contoso.com", password: "a-password" }],
 *   now: clock.now,
 * });
 * const credential = new DeviceCodeCredential({
 *   tenantId: "contoso.com",
 *   clientId: "my-app",
 *   userPromptCallback: ({ userCode }) => entra.enterUserCode(userCode, "jo@contoso.com"),
 *   env: {},
 *   fetch: entra.fetch,
 *   runtime: clock,
 * });
 *
 * const pending = credential.getToken("https://graph.microsoft.com/User.Read");
 * await clock.untilSleeping(5_000);
 * await clock.advance(5_000);
 * assert.equal((await entra.verify((await pending).token)).upn, "jo@contoso.com");
 * ```
 *
 * @example Simulate an outage
 * ```ts
 * import { createEntra } from "@azweb/identity/testing";
 * import assert from "node:assert/strict";
 *
 * const entra = createEntra();
 * entra.failNext({ status: 503, retryAfter: 2 });
 * const response = await entra.fetch("https://login.microsoftonline.com/common/oauth2/v2.0/token", { method: "POST" });
 * assert.equal(response.status, 503);
 * assert.equal(response.headers.get("retry-after"), "2");
 * ```
 */
export function createEntra(options: EntraOptions = {}): Entra {
  const directory = createDirectory(options);
  const service = createSimulatedService<EntraFault>(async (exchange) => {
    const { request } = exchange;
    if (request.method === "OPTIONS") return addCorsHeaders(new Response(null));
    const fault = await exchange.nextFault();
    const trace = { traceId: crypto.randomUUID(), correlationId: correlationIdOf(request), time: directory.now() };
    const respond = () => handleRequest(request, trace, directory);
    if (fault === undefined) return addCorsHeaders(await respond());
    return addCorsHeaders(
      typeof fault === "object"
        ? entraFaultResponse(fault, trace)
        : await respondWithFault(fault, { ...exchange, respond }),
    );
  }, (fault) => checkFault(fault, ENTRA_FAULT_MEMBERS));
  return {
    ...service,
    verify: (token) => verify(token, directory.now()),
    browser: createBrowser(service.fetch),
    signInAs: (username) => void (directory.signedInUser = username),
    enterUserCode: (userCode, username) => enterUserCode(userCode, username, directory),
    revokeSessions(username) {
      for (const grant of directory.refreshTokens.values()) {
        if (same(grant.user.username, username)) grant.end = "revoked";
      }
    },
  };
}

/** Returns the correlation id of the request, or a new one. */
function correlationIdOf({ query, form, headers }: RecordedRequest): string {
  return form["client-request-id"] ?? query["client-request-id"] ?? headers["client-request-id"] ?? crypto.randomUUID();
}
