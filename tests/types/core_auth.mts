// The types of `@azure/core-auth` and of this package are assignable in both directions. Type-checked by types_test.ts,
// never run.
import type {
  AccessToken as CoreAccessToken,
  GetTokenOptions as CoreGetTokenOptions,
  TokenCredential as CoreTokenCredential,
} from "@azure/core-auth";
import {
  ChainedTokenCredential,
  ClientAssertionCredential,
  ClientCertificateCredential,
  ClientSecretCredential,
  DefaultAzureCredential,
  EnvironmentCredential,
  getBearerTokenProvider,
  type TokenCredential,
  UsernamePasswordCredential,
} from "@azweb/identity";
import { StaticCredential } from "@azweb/identity/testing";

// Each type of this package is assignable to theirs.
const credentials: CoreTokenCredential[] = [
  new ClientSecretCredential("tenant", "client", "secret"),
  new ClientCertificateCredential("tenant", "client", "/path.pem"),
  new ClientAssertionCredential("tenant", "client", () => Promise.resolve("assertion")),
  new UsernamePasswordCredential("tenant", "client", "username", "password"),
  new EnvironmentCredential(),
  new DefaultAzureCredential(),
  new ChainedTokenCredential(new EnvironmentCredential()),
  new StaticCredential("token"),
];

// Each of their types is assignable to the type of this package.
declare const theirs: CoreTokenCredential;
const ours: TokenCredential = theirs;
const chain = new ChainedTokenCredential(theirs, new EnvironmentCredential(), ...credentials);
const getToken: () => Promise<string> = getBearerTokenProvider(theirs, "https://storage.azure.com/.default", {
  abortSignal: AbortSignal.timeout(1000),
});

// The credentials accept the options of their clients, and their clients accept the tokens.
declare const options: CoreGetTokenOptions;
const { claims, enableCae, tenantId } = options;
const token: CoreAccessToken = await chain.getToken(["https://storage.azure.com/.default"], options);
const calls: Promise<CoreAccessToken | null>[] = [ours.getToken("scope", options), theirs.getToken("scope", options)];

// An app's own class is a credential by its shape.
class Own implements CoreTokenCredential, TokenCredential {
  readonly #inner: CoreTokenCredential = new DefaultAzureCredential();
  getToken(scopes: string | string[], options?: CoreGetTokenOptions): Promise<CoreAccessToken | null> {
    return this.#inner.getToken(scopes, options);
  }
}

void [getToken, token, calls, claims, enableCae, tenantId, new ChainedTokenCredential(new Own())];
