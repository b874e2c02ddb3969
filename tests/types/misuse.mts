// What must not compile. Type-checked by types_test.ts, and never run.
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
// @ts-expect-error A secret is text
void new ClientSecretCredential("tenant", "client", variable);
// @ts-expect-error An option that there is not
void new ClientSecretCredential("tenant", "client", "secret", { authority: "https://login.microsoftonline.com" });
// @ts-expect-error Options of `@azure/identity` that are "fetch" here
void new ClientSecretCredential("tenant", "client", "secret", { proxyOptions: { host: "proxy", port: 8080 } });
// @ts-expect-error Another
void new EnvironmentCredential({ httpClient: {} });
// @ts-expect-error Another
void new DefaultAzureCredential({ additionalPolicies: [] });
// @ts-expect-error Another
void new DefaultAzureCredential({ tlsOptions: {} });
// @ts-expect-error An option of `@azure/identity` that is "cache" here
void new ClientSecretCredential("tenant", "client", "secret", { tokenCachePersistenceOptions: { enabled: true } });
// @ts-expect-error An option of `@azure/identity` that needs native code
void new InteractiveBrowserCredential({ brokerOptions: { enabled: true, parentWindowHandle: new Uint8Array() } });
// @ts-expect-error The texts have names, one level down
void new InteractiveBrowserCredential({ browserCustomizationOptions: "Signed in" });
// @ts-expect-error Neither a path nor a certificate
void new ClientCertificateCredential("tenant", "client", {});
// @ts-expect-error A key without its certificate
void new ClientCertificateCredential("tenant", "client", { privateKey: {} as CryptoKey });
// @ts-expect-error A key as text; it belongs into "certificate"
void new ClientCertificateCredential("tenant", "client", { certificate: "pem", privateKey: "pem" });
// @ts-expect-error The assertion itself, which ends; it takes what makes one
void new ClientAssertionCredential("tenant", "client", "assertion");
// @ts-expect-error The password is missing
void new UsernamePasswordCredential("tenant", "client", "username");
// @ts-expect-error Text is no credential
void new ChainedTokenCredential("credential");
// @ts-expect-error A cache that has no `set`
void new DefaultAzureCredential({ cache: { get: () => undefined } });
// @ts-expect-error A cache that hands out text
void new DefaultAzureCredential({ cache: new Map<string, string>() });
// @ts-expect-error Scopes are text
void credential.getToken({ scope: "https://storage.azure.com/.default" });
// @ts-expect-error Claims are JSON text
void credential.getToken("scope", { claims: { access_token: {} } });
// @ts-expect-error A provider is for scopes
void getBearerTokenProvider(credential);

declare const token: AccessToken;
// @ts-expect-error A token is for reading
token.token = "another";
// @ts-expect-error Where the secret is kept is out of reach
void credential.clientSecret;
