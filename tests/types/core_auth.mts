// The types of `@azure/core-auth` and ours fit, both ways. Type-checked by types_test.ts, and never run.
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

// Each of ours is one of theirs.
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

// Each of theirs is one of ours.
declare const theirs: CoreTokenCredential;
const ours: TokenCredential = theirs;
const chain = new ChainedTokenCredential(theirs, new EnvironmentCredential(), ...credentials);
const getToken: () => Promise<string> = getBearerTokenProvider(theirs, "https://storage.azure.com/.default", {
  abortSignal: AbortSignal.timeout(1000),
});

// What their clients hand in, ours take, and what ours hand out, their clients take.
declare const options: CoreGetTokenOptions;
const { claims, enableCae, tenantId } = options;
const token: CoreAccessToken = await chain.getToken(["https://storage.azure.com/.default"], options);
const calls: Promise<CoreAccessToken | null>[] = [ours.getToken("scope", options), theirs.getToken("scope", options)];

// A class of somebody's own is a credential by its shape.
class Own implements CoreTokenCredential, TokenCredential {
  readonly #inner: CoreTokenCredential = new DefaultAzureCredential();
  getToken(scopes: string | string[], options?: CoreGetTokenOptions): Promise<CoreAccessToken | null> {
    return this.#inner.getToken(scopes, options);
  }
}

void [getToken, token, calls, claims, enableCae, tenantId, new ChainedTokenCredential(new Own())];
