import { allowOrigins, answerRequest } from "./answers.ts";
import { createDirectory } from "./directory.ts";
import type { EntraOptions } from "./entra_options.ts";
import { answerWithError, answerWithFault, type EntraFault } from "./faults.ts";
import { correlationIdOf } from "./request_record.ts";
import { verify } from "./signing_key.ts";
import { createSimulatedService, type SimulatedService } from "./simulated_service.ts";

/** A simulated Entra: see {@linkcode createEntra}. Its `fetch` answers for every host. */
export interface Entra extends SimulatedService<EntraFault> {
  /** Checks the signature and the end of an access or id token, and returns its claims. */
  verify(token: string): Promise<Record<string, unknown>>;
}

/**
 * Makes a simulated Microsoft Entra: a token service that checks what Entra checks, signs real tokens, answers errors as Entra does, fails
 * on demand, and records what it was asked. It needs no network and works on every runtime.
 *
 * It serves, for every host that it is asked as, the token endpoint (`client_credentials`, `password`, `refresh_token`), the metadata, the
 * keys and instance discovery of Entra, and those of Active Directory Federation Services for the tenant `"adfs"`. Throws a `TypeError`
 * for a registration that cannot be.
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
  return { ...service, verify: (token) => verify(token, directory.now()) };
}
