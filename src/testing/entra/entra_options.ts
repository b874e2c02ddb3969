/** The registration of an application in one tenant. Register a multitenant application once for each tenant. */
export interface EntraApp {
  /** The tenant's id or domain, or `"adfs"` for Active Directory Federation Services. */
  readonly tenantId: string;
  /** The application (client) id. */
  readonly clientId: string;
  /** The client secrets. None by default. */
  readonly secrets?: readonly (string | EntraSecret)[];
  /** The certificates for client assertions, as PEM strings; private keys in them are ignored. None by default. */
  readonly certificates?: readonly string[];
  /**
   * The external identities that may authenticate as this application (workload identity federation). None by default.
   */
  readonly federatedCredentials?: readonly EntraFederatedCredential[];
  /**
   * Whether the application may sign users in without client authentication. By default `true` if it has no
   * credentials.
   */
  readonly allowPublicClient?: boolean;
  /** The registered redirect URIs, absolute; the port of `http://localhost` is ignored. Any redirect URI by default. */
  readonly redirectUris?: readonly string[];
  /**
   * The application ID URIs, by which a token for the application can be requested besides its id. By default
   * `api://<clientId>`.
   */
  readonly identifierUris?: readonly string[];
  /**
   * The client id of its blueprint, if the application is an agent identity, which authenticates with an assertion that
   * the blueprint requests for it (`fmi_path`). None by default.
   */
  readonly blueprintId?: string;
  /** Additional claims of its access tokens, such as `{ roles: ["Reader"] }`. None by default. */
  readonly claims?: object;
}

/** A client secret that expires. */
export interface EntraSecret {
  /** The secret. */
  readonly value: string;
  /** When the secret expires, in milliseconds since the epoch. */
  readonly expiresOnTimestamp: number;
}

/**
 * An external identity that may authenticate as an application. The comparison of issuer, subject and audience is
 * case-sensitive.
 */
export interface EntraFederatedCredential {
  /** The `iss` of its tokens. */
  readonly issuer: string;
  /** The `sub` of its tokens. Exactly one of `subject` and `expression` is required. */
  readonly subject?: string;
  /**
   * An expression that its tokens match, in place of `subject` (flexible federated identity credential):
   * `claims['sub'] matches 'repo:contoso/app:ref:refs/heads/*'`, with `eq` and `matches`, joined by `and`.
   *
   * @see https://learn.microsoft.com/entra/workload-id/workload-identities-flexible-federated-identity-credentials
   */
  readonly expression?: string;
  /**
   * The `aud` of its tokens.
   *
   * @default {"api://AzureADTokenExchange"}
   */
  readonly audience?: string;
  /**
   * The public keys of the issuer, as a JWK Set (RFC 7517). By default they are fetched from the issuer, as the real
   * Entra does, by the option `fetch` of the simulated Entra.
   */
  readonly jwks?: { readonly keys: readonly object[] };
}

/** The account of a user. */
export interface EntraUser {
  /** The tenant's id or domain. */
  readonly tenantId: string;
  /** The user principal name, such as `"jo@contoso.com"`. */
  readonly username: string;
  /** The password. The user account of an agent has none. */
  readonly password?: string;
  /** The client id of the agent identity whose user account this is. None by default. */
  readonly agentId?: string;
  /**
   * Whether the user must complete multi-factor authentication: the password grant fails with AADSTS50076, an
   * interactive sign-in succeeds.
   *
   * @default {false}
   */
  readonly requiresMfa?: boolean;
}

/** Options of {@linkcode createEntra}. */
export interface EntraOptions {
  /** The registered applications. None by default. */
  readonly apps?: readonly EntraApp[];
  /** The accounts of users. None by default. */
  readonly users?: readonly EntraUser[];
  /** The resources for which tokens are issued, such as `"https://storage.azure.com"`. Any resource by default. */
  readonly resources?: readonly string[];
  /** Further hosts that instance discovery confirms, besides those of the known clouds. None by default. */
  readonly hosts?: readonly string[];
  /**
   * The origin of the issuer and the endpoints, such as `"http://127.0.0.1:8080"`, for a server behind a proxy. By
   * default that of each request.
   */
  readonly origin?: string;
  /**
   * Fetches the OpenID configuration and the keys of the issuers of federated credentials without `jwks`: `fetch` of a
   * simulated platform. By default that fails with AADSTS501661.
   */
  readonly fetch?: typeof fetch;
  /**
   * Lifetime of access tokens, in milliseconds.
   *
   * @default {3_600_000}
   */
  readonly tokenLifetimeInMs?: number;
  /**
   * Time until clients should refresh a token (`refresh_in`), in milliseconds. By default half of a lifetime of two
   * hours or more, else absent.
   */
  readonly refreshInMs?: number;
  /**
   * Whether numbers in responses are strings, as some of Microsoft's token services send them.
   *
   * @default {false}
   */
  readonly numbersAsStrings?: boolean;
  /**
   * Whether an assertion that is signed with the application's certificate, or a refresh token that was replaced, may
   * be used again. Entra allows it; the default is stricter, to find clients that reuse them, such as those built on
   * MSAL. A federated assertion may always be reused.
   *
   * @default {false}
   */
  readonly allowReplay?: boolean;
  /**
   * Returns the time, in milliseconds since the epoch.
   *
   * @default {Date.now}
   */
  readonly now?: () => number;
}
