/**
 * `AgentIdentityCredential` authenticates an agent identity of Microsoft Entra Agent ID: as itself, as its user
 * account, or on behalf of a user.
 *
 * @example
 * ```ts no-eval
 * import { AgentIdentityCredential } from "@azweb/identity/agent-identity-credential";
 *
 * const credential = new AgentIdentityCredential({
 *   tenantId: "my-tenant-id",
 *   blueprintId: "client-id-of-the-blueprint",
 *   agentId: "client-id-of-the-agent",
 *   clientSecret: "secret-of-the-blueprint",
 * });
 * const { token } = await credential.getToken("https://graph.microsoft.com/.default");
 * ```
 *
 * @module
 */

import type { AssertionRequest } from "../assertion_source.ts";
import { createAppAuth } from "../certificates/app_auth.ts";
import { type Acquire, createGetToken, type GetToken, type TokenRequest } from "../core/get_token.ts";
import { internalsOf, setInternals } from "../core/internals.ts";
import { APP_VARIABLES } from "../core/require_variables.ts";
import { resolveSettings, type Settings } from "../core/settings.ts";
import { checkAppTenantId } from "../core/tenants.ts";
import { parseUrl } from "../core/url.ts";
import { checkClientId, checkOption, checkText, checkUserAssertion } from "../core/validate.ts";
import { claimsOf } from "../entra/claims.ts";
import { assertionAuth } from "../entra/client_auth.ts";
import { createTokenClient, type Grant } from "../entra/token_client.ts";
import { exchangeAudience } from "../federation/exchange_audience.ts";
import type { AppCredentialOptions } from "../options.ts";
import type { AccessToken, GetTokenOptions, TokenCredential } from "../token_credential.ts";

/**
 * Options of {@linkcode AgentIdentityCredential}. Exactly one of `clientSecret`, `certificatePath` and `getAssertion`
 * authenticates the blueprint. At most one of `username`, `userId` and `userAssertionToken` selects the user.
 */
export interface AgentIdentityCredentialOptions extends AppCredentialOptions {
  /** The tenant's id or domain name. */
  tenantId: string;
  /** The client id of the agent identity blueprint. */
  blueprintId: string;
  /** The client id of the agent identity. */
  agentId: string;
  /** The value of a client secret of the blueprint. */
  clientSecret?: string | undefined;
  /** The path of a PEM file with the blueprint's certificate and its private key. */
  certificatePath?: string | undefined;
  /**
   * Whether the client assertion contains the certificate chain (`x5c`).
   *
   * @default {false}
   */
  sendCertificateChain?: boolean | undefined;
  /**
   * Returns a client assertion for the blueprint, a JWT: the token of a managed identity or of another identity
   * provider that the blueprint trusts. Called once for each request of the blueprint.
   */
  getAssertion?: ((request: AssertionRequest) => Promise<string>) | undefined;
  /** The user principal name of the agent's user account, to act as that user. */
  username?: string | undefined;
  /** The object id of the agent's user account, to act as that user. */
  userId?: string | undefined;
  /** Access token of a user, issued for the blueprint, to act on behalf of that user. */
  userAssertionToken?: string | undefined;
}

/** How the agent acts: the grant of its token requests, and the values that partition the cache. */
interface AgentGrant {
  readonly grant: Pick<Grant, "type" | "parameters">;
  readonly cacheIdentity: readonly string[];
}

const NAME = "AgentIdentityCredential";
const OPTIONS =
  "tenantId blueprintId agentId clientSecret certificatePath sendCertificateChain getAssertion username " +
  "userId userAssertionToken claimsFromClient";

/**
 * Authenticates an agent identity of Microsoft Entra Agent ID. The blueprint of the agent authenticates with a secret,
 * a certificate or an assertion, and requests an assertion for this one agent (`fmi_path`). The agent requests its
 * tokens with that assertion, which is cached by blueprint and agent.
 *
 * @example As the agent's user account, with a managed identity and no secret
 * ```ts no-eval
 * import { AgentIdentityCredential, ManagedIdentityCredential } from "@azweb/identity";
 *
 * const managedIdentity = new ManagedIdentityCredential();
 * const credential = new AgentIdentityCredential({
 *   tenantId: "my-tenant-id",
 *   blueprintId: "client-id-of-the-blueprint",
 *   agentId: "client-id-of-the-agent",
 *   username: "agent@contoso.com",
 *   getAssertion: async () => (await managedIdentity.getToken("api://AzureADTokenExchange/.default")).token,
 * });
 * const { token } = await credential.getToken("https://graph.microsoft.com/.default");
 * ```
 *
 * @see https://learn.microsoft.com/entra/agent-id/identity-platform/agent-oauth-protocols
 */
export class AgentIdentityCredential implements TokenCredential {
  /**
   * Validates the options. Reads and sends nothing.
   *
   * @param options See {@linkcode AgentIdentityCredentialOptions}.
   * @throws {TypeError} An option is missing or malformed, or two options exclude each other.
   */
  constructor(options: AgentIdentityCredentialOptions) {
    const settings = resolveSettings(options, NAME, OPTIONS);
    const { tenantId, blueprintId, agentId } = options;
    checkAppTenantId(tenantId);
    checkOption("blueprintId", blueprintId, checkClientId);
    checkOption("agentId", agentId, checkClientId);
    const { clientAuth, cacheIdentity: proof } = createAppAuth(NAME, options, settings);
    const claims = claimsOf(options);
    const { grant, cacheIdentity } = readGrant(options);

    /** Returns the `getToken` of the blueprint or of the agent. Each `identity` has its own cache partition. */
    const createFor = (identity: string, acquire: Acquire) =>
      createGetToken({
        name: NAME,
        tenantId,
        variables: APP_VARIABLES,
        files: [options.certificatePath],
        cacheIdentity: async () => [identity, blueprintId, agentId, ...await proof()],
        acquire,
      }, settings);

    const blueprint = { name: NAME, clientId: blueprintId, clientAuth, type: "client_credentials" } as const;
    const getAssertion = createFor(
      "assertion",
      createTokenClient({ ...blueprint, parameters: { fmi_path: agentId } }, settings),
    );
    const exchange = async (getToken: GetToken, { tenantId, signal }: TokenRequest) =>
      (await getToken(exchangeScope(settings), { tenantId, abortSignal: signal })).token;

    const acquireBy = (grant: AgentGrant["grant"], claims?: string): Acquire => async (request) => {
      const assertion = await exchange(getAssertion, request);
      const clientAuth = assertionAuth(() => Promise.resolve(assertion));
      const renewal = "Request the token again";
      return await createTokenClient(
        { name: NAME, clientId: agentId, clientAuth, renewal, ...grant, claims },
        settings,
      )(request);
    };

    const ownToken = createFor("agent", acquireBy({ type: "client_credentials" }));
    const acquire: Acquire = async (request) => {
      if (grant.type !== "user_fic") return await acquireBy(grant, claims)(request);
      const credential = await exchange(ownToken, request);
      const parameters = { ...grant.parameters, user_federated_identity_credential: credential };
      return await acquireBy({ ...grant, parameters }, claims)(request);
    };
    const isOwn = grant.type === "client_credentials" && !claims;
    setInternals(this, isOwn ? ownToken : createFor(`agent ${JSON.stringify([cacheIdentity, claims])}`, acquire));
  }

  /**
   * Returns a token of the agent, from the cache if it has one.
   *
   * @param scopes Scopes of one resource: for the agent itself one that ends in `/.default`, such as
   * `"https://graph.microsoft.com/.default"`.
   * @param options See {@linkcode GetTokenOptions}.
   * @throws {CredentialUnavailableError} The credential that `getAssertion` uses is unavailable.
   * @throws {AuthenticationError} The certificate cannot be read; or Microsoft Entra rejects the blueprint, the agent
   * or the user, or cannot be reached.
   */
  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    return internalsOf<GetToken>(this)(scopes, options);
  }
}

function readGrant({ username, userId, userAssertionToken }: AgentIdentityCredentialOptions): AgentGrant {
  const given = Object.entries({ username, userId, userAssertionToken }).filter(([, value]) => value !== undefined);
  if (given.length > 1) {
    throw new TypeError(`Options of ${NAME} must have at most one of "username", "userId" and "userAssertionToken"`);
  }
  const [kind, value] = given[0] ?? [];
  if (kind === undefined) return { grant: { type: "client_credentials" }, cacheIdentity: [] };
  checkOption(kind, value, kind === "userAssertionToken" ? checkUserAssertion : checkText);
  const requested_token_use = "on_behalf_of";
  if (kind === "userAssertionToken") {
    const parameters = { assertion: value!, requested_token_use };
    return {
      grant: { type: "urn:ietf:params:oauth:grant-type:jwt-bearer", parameters },
      cacheIdentity: [kind, value!],
    };
  }
  const parameters = { [kind === "username" ? "username" : "user_id"]: value!, requested_token_use, client_info: "1" };
  return { grant: { type: "user_fic", parameters }, cacheIdentity: [kind, value!.toLowerCase()] };
}

/** Returns the scope of assertions for the cloud of the authority host. */
function exchangeScope({ authorityHost, env }: Settings): string {
  const url = parseUrl(authorityHost ?? env("AZURE_AUTHORITY_HOST"));
  return `${exchangeAudience(url?.hostname ?? "")}/.default`;
}
