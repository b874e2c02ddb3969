import { allowOrigins, answerRequest } from "./answers.ts";
import { createBrowser, type EntraBrowser } from "./browser.ts";
import { enterUserCode } from "./device_codes.ts";
import { createDirectory, same } from "./directory.ts";
import type { EntraOptions } from "./entra_options.ts";
import { answerWithError, answerWithFault, type EntraFault } from "./faults.ts";
import { correlationIdOf } from "./request_record.ts";
import { verify } from "./signing_key.ts";
import { createSimulatedService, type SimulatedService } from "./simulated_service.ts";

/** A simulated Entra: see {@linkcode createEntra}. Its `fetch` answers for every host. */
export interface Entra extends SimulatedService<EntraFault> {
  /** Checks the signature and the end of an access or id token, and returns its claims. */
  verify(token: string): Promise<Record<string, unknown>>;
  /**
   * Says who sits before the browser from now on, whatever the app expects: the name of a user, or `null` for somebody who declines.
   * Nothing, as at the beginning: whom the app names in `login_hint`, else the first user of the tenant.
   */
  visit(username?: string | null): void;
  /**
   * The browser: hand it in as `runtime` of an `InteractiveBrowserCredential`. Whoever sits before it signs in, and the answer comes to the
   * loopback address, which is none of the system's. Where Entra shows an error in place of sending the browser on, `openUrl` rejects with it.
   */
  readonly browser: EntraBrowser;
  /** Enters the code that a device shows: as the user of this name, or `null` to decline. Throws a `TypeError` for an unknown one. */
  enterUserCode(userCode: string, username: string | null): void;
  /** Revokes the refresh tokens of a user: AADSTS50173 from now on. */
  revokeSessions(username: string): void;
}

/**
 * Makes a simulated Microsoft Entra: a token service that checks what Entra checks, signs real tokens, answers errors as Entra does, fails
 * on demand, and records what it was asked. It needs no network and works on every runtime.
 *
 * It serves, for every host that it is asked as, the authorization endpoint (with PKCE), that for device codes, the token endpoint
 * (`authorization_code`, `client_credentials`, `device_code`, `password`, `refresh_token`, and on behalf of), the metadata, the keys and
 * instance discovery of Entra, and those of Active Directory Federation Services for the tenant `"adfs"`. Throws a `TypeError` for a
 * registration that cannot be.
 *
 * @example A secret and what it gives
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
 * @example A user who signs in in the browser
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
 * entra.visit("jo@contoso.com");
 * const { token } = await credential.getToken("https://graph.microsoft.com/User.Read");
 * assert.equal((await entra.verify(token)).upn, "jo@contoso.com");
 * ```
 *
 * @example A user who signs in on another device
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
 * const asked = credential.getToken("https://graph.microsoft.com/User.Read");
 * await clock.untilSleeping(5_000);
 * await clock.advance(5_000);
 * assert.equal((await entra.verify((await asked).token)).upn, "jo@contoso.com");
 * ```
 *
 * @example An outage
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
  const service = createSimulatedService<EntraFault>(async ({ asked, next, signal }) => {
    if (asked.method === "OPTIONS") return allowOrigins(new Response(null));
    const fault = await next();
    const trace = { traceId: crypto.randomUUID(), correlationId: correlationIdOf(asked), time: directory.now() };
    const good = () => answerRequest(asked, trace, directory);
    if (fault === undefined) return allowOrigins(await good());
    return allowOrigins(
      typeof fault === "object" ? answerWithError(fault, trace) : await answerWithFault(fault, { asked, signal, good }),
    );
  });
  return {
    ...service,
    verify: (token) => verify(token, directory.now()),
    browser: createBrowser(service.fetch),
    visit: (username) => void (directory.visitor = username),
    enterUserCode: (userCode, username) => enterUserCode(userCode, username, directory),
    revokeSessions(username) {
      for (const grant of directory.refreshTokens.values()) {
        if (same(grant.user.username, username)) grant.end = "revoked";
      }
    },
  };
}
