/** An application's registration in one tenant. For an application of several tenants, register it in each. */
export interface EntraApp {
  /** The tenant's id or domain; `"adfs"` for a server of Active Directory Federation Services. */
  readonly tenantId: string;
  /** The application's id. */
  readonly clientId: string;
  /** The secrets that it may present. */
  readonly secrets?: readonly (string | EntraSecret)[];
  /** The certificates that it may sign assertions with, as PEM text; private keys in it are passed over. */
  readonly certificates?: readonly string[];
  /** The foreign identities that may act as this application: workload identity federation. */
  readonly federatedCredentials?: readonly EntraFederatedCredential[];
  /** Whether it may sign users in without proving itself. Default: `true` if it has nothing to prove itself with. */
  readonly allowPublicClient?: boolean;
  /** Where it may have answers of sign-ins sent: absolute URLs; one of `http://localhost` is good for every port. Default: anywhere. */
  readonly redirectUris?: readonly string[];
  /** The identifiers that tokens for it can be asked by. Default: `api://` with its id, beside the id itself. */
  readonly identifierUris?: readonly string[];
  /** Claims that its tokens carry besides the usual ones, such as `{ roles: ["Reader"] }`. Default: none. */
  readonly claims?: Readonly<Record<string, unknown>>;
}

/** A secret that ends. */
export interface EntraSecret {
  /** The secret. */
  readonly value: string;
  /** When it ends, in milliseconds since the epoch. */
  readonly expiresOnTimestamp: number;
}

/** A foreign identity that may act as an application. Issuer, subject and audience are compared letter by letter. */
export interface EntraFederatedCredential {
  /** The `iss` of its tokens. */
  readonly issuer: string;
  /** The `sub` of its tokens. */
  readonly subject: string;
  /** The `aud` of its tokens. Default: `"api://AzureADTokenExchange"`. */
  readonly audience?: string;
  /** The public keys of its issuer: a JWK Set (RFC 7517), which the real Entra fetches from the issuer. */
  readonly jwks: { readonly keys: readonly object[] };
}

/** A person's account. */
export interface EntraUser {
  /** The tenant's id or domain. */
  readonly tenantId: string;
  /** The user principal name, such as `"somebody@contoso.com"`. */
  readonly username: string;
  /** The password. */
  readonly password: string;
  /** Whether a password is not enough, so that every attempt with one ends in AADSTS50076, but a sign-in does not. Default: `false`. */
  readonly requiresMfa?: boolean;
}

/** What {@linkcode createEntra} accepts. */
export interface EntraOptions {
  /** The registered applications. Default: none. */
  readonly apps?: readonly EntraApp[];
  /** The accounts of people. Default: none. */
  readonly users?: readonly EntraUser[];
  /** The identifiers of the resources that tokens can be had for, such as `"https://storage.azure.com"`. Default: any. */
  readonly resources?: readonly string[];
  /** Hosts that instance discovery vouches for, besides those of the known clouds. Default: none. */
  readonly hosts?: readonly string[];
  /** How long tokens live, in milliseconds. Default: an hour. */
  readonly tokenLifetimeInMs?: number;
  /** After what time clients are told to refresh, in milliseconds. Default: half the lifetime of tokens that live two hours or more. */
  readonly refreshInMs?: number;
  /** Whether the numbers of answers are strings, as some of Microsoft's token services send them. Default: `false`. */
  readonly numbersAsStrings?: boolean;
  /**
   * Whether the same assertion or refresh token may come twice. Default: `false`, which is stricter than Entra and finds clients that send
   * one again, such as those built on MSAL. It is about assertions signed with the application's own certificate, federated ones may always
   * come again, and about refresh tokens that were replaced.
   */
  readonly allowReplay?: boolean;
  /** The time, in milliseconds since the epoch. Default: `Date.now`. */
  readonly now?: () => number;
}
