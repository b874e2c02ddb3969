// A source of assertions is a `getAssertion` here and in `@azure/identity`, and a `clientAssertion` of msal-node and better-auth.
// Type-checked by types_test.ts, and never run.
import { ClientAssertionCredential as IncumbentCredential } from "@azure/identity";
import { ConfidentialClientApplication } from "@azure/msal-node";
import type { ClientAssertionGetter } from "@better-auth/core/oauth2";
import { microsoft } from "@better-auth/core/social-providers";
import { type AssertionRequest, ClientAssertionCredential, OnBehalfOfCredential } from "@azweb/identity";
import { type AssertionSource, fromGitHubActions } from "@azweb/identity/federation";
import type { createWebSignIn } from "@azweb/identity/web-sign-in";

const source: AssertionSource = fromGitHubActions();
const assertion: Promise<string> = source({ abortSignal: AbortSignal.timeout(1000) });

const ours = new ClientAssertionCredential("tenant", "client", source);
const onBehalf = new OnBehalfOfCredential({
  ...{ tenantId: "tenant", clientId: "client", userAssertionToken: "token" },
  getAssertion: source,
});
const signIn: Partial<Parameters<typeof createWebSignIn>[0]> = { getAssertion: source };
const theirs = new IncumbentCredential("tenant", "client", source);
const msal = new ConfidentialClientApplication({ auth: { clientId: "client", clientAssertion: source } });
const getter: ClientAssertionGetter = source;
const betterAuth = microsoft({ clientId: "client", clientAssertion: source });

// A callback of the app receives what the credential knows.
const own = new ClientAssertionCredential("tenant", "client", ({ abortSignal, tokenEndpoint }: AssertionRequest) => {
  const signal: AbortSignal | undefined = abortSignal;
  return Promise.resolve(`${tokenEndpoint} ${signal?.aborted}`);
});

void [assertion, ours, onBehalf, signIn, theirs, msal, getter, betterAuth, own];
