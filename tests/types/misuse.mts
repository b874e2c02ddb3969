// Code that must not compile. Type-checked by types_test.ts, never run.
import {
  type AccessToken,
  ChainedTokenCredential,
  ClientAssertionCredential,
  ClientCertificateCredential,
  ClientSecretCredential,
  DefaultAzureCredential,
  EnvironmentCredential,
  getBearerTokenProvider,
  InteractiveBrowserCredential,
  UsernamePasswordCredential,
} from "@azweb/identity";

const credential = new EnvironmentCredential();
declare const variable: string | undefined;

// @ts-expect-error The secret is missing
void new ClientSecretCredential("tenant", "client");
// @ts-expect-error A secret is a string
void new ClientSecretCredential("tenant", "client", variable);
// @ts-expect-error An unknown option
void new ClientSecretCredential("tenant", "client", "secret", { authority: "https://login.microsoftonline.com" });
// @ts-expect-error Options of `@azure/identity` that are "fetch" here
void new ClientSecretCredential("tenant", "client", "secret", { proxyOptions: { host: "proxy", port: 8080 } });
// @ts-expect-error Another such option
void new EnvironmentCredential({ httpClient: {} });
// @ts-expect-error Another such option
void new DefaultAzureCredential({ additionalPolicies: [] });
// @ts-expect-error Another such option
void new DefaultAzureCredential({ tlsOptions: {} });
// @ts-expect-error An option of `@azure/identity` that is "cache" here
void new ClientSecretCredential("tenant", "client", "secret", { tokenCachePersistenceOptions: { enabled: true } });
// @ts-expect-error An option of `@azure/identity` that needs native code
void new InteractiveBrowserCredential({ brokerOptions: { enabled: true, parentWindowHandle: new Uint8Array() } });
// @ts-expect-error The messages are members of a nested object
void new InteractiveBrowserCredential({ browserCustomizationOptions: "Signed in" });
// @ts-expect-error Neither a path nor a certificate
void new ClientCertificateCredential("tenant", "client", {});
// @ts-expect-error A key without its certificate
void new ClientCertificateCredential("tenant", "client", { privateKey: {} as CryptoKey });
// @ts-expect-error A key as a string belongs in "certificate"
void new ClientCertificateCredential("tenant", "client", { certificate: "pem", privateKey: "pem" });
// @ts-expect-error An assertion, which expires, instead of a function that returns one
void new ClientAssertionCredential("tenant", "client", "assertion");
// @ts-expect-error The password is missing
void new UsernamePasswordCredential("tenant", "client", "username");
// @ts-expect-error A string is not a credential
void new ChainedTokenCredential("credential");
// @ts-expect-error A cache that has no `set`
void new DefaultAzureCredential({ cache: { get: () => undefined } });
// @ts-expect-error A cache that returns strings
void new DefaultAzureCredential({ cache: new Map<string, string>() });
// @ts-expect-error Scopes are strings
void credential.getToken({ scope: "https://storage.azure.com/.default" });
// @ts-expect-error Claims are a JSON string
void credential.getToken("scope", { claims: { access_token: {} } });
// @ts-expect-error A token provider needs scopes
void getBearerTokenProvider(credential);

declare const token: AccessToken;
// @ts-expect-error A token is read-only
token.token = "another";
// @ts-expect-error The secret is private
void credential.clientSecret;
