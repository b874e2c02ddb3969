// Compares the requests of this library and of `@azure/identity`, field by field, for every credential. Both run the
// same code with a simulated Entra in place of the network: the hosts are the real ones, and headers that a runtime's
// `fetch` adds are left out.
import type { AccessToken, GetTokenOptions, TokenCredential } from "@azure/core-auth";
import { createAzurePipelines, createEntra, type Entra } from "@azweb/identity/testing";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  AUTHORITY,
  CERTIFICATE,
  KEY,
  KEY_ENCRYPTED,
  KEY_PKCS1,
  PASSWORD,
} from "../support/certificates/certificates.ts";
import { DEVELOPERS, HURRIED } from "../support/sign_in/people.ts";
import {
  checkDifferences,
  CP1,
  differ,
  type Difference,
  type Found,
  ID_TOKEN_CLAIMS,
  NBF,
} from "../support/interop/differences.ts";
import { type Library, type Note, type Observations, observe, type Options } from "../support/interop/side_by_side.ts";

const TENANT = "contoso.onmicrosoft.com";
const OTHER_TENANT = "fabrikam.onmicrosoft.com";
const CLIENT = "app";
const PUBLIC_CLIENT = "public-app";
const SECRET = "a secret ~.!*'() +%&=\"ü";
const USER = "jo@contoso.com";
const USERS_PASSWORD = "pass word+&ü";
const SCOPE = "https://storage.azure.com/.default";
const OTHER_SCOPE = "https://vault.azure.net/.default";
const CLAIMS = '{"access_token":{"nbf":{"essential":true,"value":"1"}}}';
const PRIVATE_CLOUD = "https://login.contoso.example";
const ADFS = "https://adfs.contoso.example";

const workload = await generateKeyPair("RS256");
const identity = { issuer: "https://issuer.example", subject: "workload", audience: "api://AzureADTokenExchange" };
const federated = { ...identity, jwks: { keys: [await exportJWK(workload.publicKey)] } };
const ASSERTION = await new SignJWT({ iss: identity.issuer, sub: identity.subject, aud: identity.audience })
  .setProtectedHeader({ alg: "RS256" }).setIssuedAt().setExpirationTime("1h").sign(workload.privateKey);

const REDIRECT_URI = "https://app.example/signed-in?a=b&c";
const CONNECTION = "00000000-1111-2222-3333-444444444444";
const JOB = { serviceConnections: [CONNECTION], systemAccessToken: "a-system-access-token" };
const job = createAzurePipelines(JOB);
const ofJob = await job.federatedCredential(CONNECTION);

const ENTRA = {
  apps: [TENANT, OTHER_TENANT, "adfs"].flatMap((tenantId) => [
    {
      tenantId,
      clientId: CLIENT,
      secrets: [SECRET],
      certificates: [CERTIFICATE],
      federatedCredentials: [federated, ofJob],
    },
    { tenantId, clientId: PUBLIC_CLIENT },
    { tenantId, clientId: DEVELOPERS },
  ]),
  users: [{ tenantId: TENANT, username: USER, password: USERS_PASSWORD }],
  hosts: [new URL(PRIVATE_CLOUD).host],
  tokenLifetimeInMs: 4 * 3_600_000,
  allowReplay: true,
};

/** The access token with which the user calls the app. */
const USER_ASSERTION: string = await requestUserAssertion(createEntra(ENTRA));

async function requestUserAssertion(entra: Entra): Promise<string> {
  const form = { grant_type: "password", client_id: PUBLIC_CLIENT, username: USER, password: USERS_PASSWORD };
  const response = await entra.fetch(`https://login.microsoftonline.com/${TENANT}/oauth2/v2.0/token`, {
    method: "POST",
    body: new URLSearchParams({ ...form, scope: `api://${CLIENT}/access` }),
  });
  return (await response.json()).access_token;
}

/** Signs the user in to the app, and returns the authorization code. */
async function codeOf(entra: Entra, clientId: string): Promise<string> {
  const query = new URLSearchParams({
    client_id: clientId,
    response_type: "code",
    redirect_uri: REDIRECT_URI,
    scope: `${SCOPE} openid profile offline_access`,
  });
  const url = `https://login.microsoftonline.com/${TENANT}/oauth2/v2.0/authorize?${query}`;
  const location = (await entra.fetch(url, { redirect: "manual" })).headers.get("location")!;
  entra.requests.length = 0;
  return new URL(location).searchParams.get("code")!;
}

/** The properties of a case. A difference applies to the cases that have its tags. */
type Tag =
  | "adfs"
  | "cae"
  | "certificate"
  | "claims"
  | "configuration known"
  | "device"
  | "discovery"
  /** No request is sent to Entra, so that differences in its requests do not apply. */
  | "elsewhere"
  | "getAssertion"
  | "on behalf"
  | "pipelines"
  | "refresh"
  | "refused"
  | "region"
  | "signed in"
  | "twice"
  | "user";

interface Files {
  /** Certificate and key. */
  readonly plain: string;
  /** Certificate, its issuer's, and the encrypted key. */
  readonly encrypted: string;
  /** The token of a workload. */
  readonly token: string;
}

interface Context {
  readonly library: Library;
  readonly options: Options;
  readonly files: Files;
  readonly note: Note;
  readonly entra: Entra;
}

type Use = (credential: TokenCredential) => Promise<AccessToken | null>;

interface Case {
  readonly name: string;
  readonly tags?: readonly Tag[];
  readonly env?: (files: Files) => Record<string, string>;
  readonly create: (context: Context) => TokenCredential | Promise<TokenCredential>;
  /** Default: one token for `SCOPE`. */
  readonly use?: Use;
}

function withSecret({ library, options }: Context): TokenCredential {
  return new library.ClientSecretCredential(TENANT, CLIENT, SECRET, options);
}

function withPassword({ library, options }: Context): TokenCredential {
  return new library.UsernamePasswordCredential(TENANT, PUBLIC_CLIENT, USER, USERS_PASSWORD, options);
}

function fromEnvironment({ library, options }: Context): TokenCredential {
  return new library.EnvironmentCredential(options);
}

function onBehalf({ library, options }: Context, more: object): TokenCredential {
  const own = { tenantId: TENANT, clientId: CLIENT, userAssertionToken: USER_ASSERTION, ...more };
  return new library.OnBehalfOfCredential({ ...options, ...own } as never);
}

function byCode({ library, options }: Context, ...rest: string[]): TokenCredential {
  // Both classes have overloads, which TypeScript cannot unite.
  const Credential = library.AuthorizationCodeCredential as unknown as new (...rest: unknown[]) => TokenCredential;
  return new Credential(TENANT, ...rest, REDIRECT_URI, options);
}

function byDeviceCode({ library, options, entra }: Context): TokenCredential {
  return new library.DeviceCodeCredential({
    ...options,
    // This library waits before the first poll, as the service requires.
    ...{ runtime: HURRIED },
    tenantId: TENANT,
    clientId: PUBLIC_CLIENT,
    userPromptCallback: ({ userCode }: { userCode: string }) => entra.enterUserCode(userCode, USER),
  });
}

/** Returns a function that creates a credential with additional options. */
function optionally(more: Options, create: (context: Context) => TokenCredential = withSecret): Case["create"] {
  return (context) => create({ ...context, options: { ...context.options, ...more } });
}

/** Gets a token for `SCOPE` with options. */
function getTokenWith(options: GetTokenOptions): Use {
  return (credential) => credential.getToken(SCOPE, options);
}

/** Gets a token for `SCOPE`, and then for another scope or the same one. */
function twice(scope: string): Use {
  return async (credential) => {
    await credential.getToken(SCOPE);
    return await credential.getToken(scope);
  };
}

const CASES: readonly Case[] = [
  { name: "ClientSecretCredential", create: withSecret },
  { name: "ClientSecretCredential, twice", create: withSecret, use: twice(SCOPE) },
  {
    name: "ClientCertificateCredential, a path",
    tags: ["certificate"],
    create: ({ library, options, files }) =>
      new library.ClientCertificateCredential(TENANT, CLIENT, files.plain, options),
  },
  {
    name: "ClientCertificateCredential, the path of an encrypted key",
    tags: ["certificate"],
    create: ({ library, options, files }) => {
      const configuration = { certificatePath: files.encrypted, certificatePassword: PASSWORD };
      return new library.ClientCertificateCredential(TENANT, CLIENT, configuration, options);
    },
  },
  {
    name: "ClientCertificateCredential, PEM text",
    tags: ["certificate"],
    create: ({ library, options }) => {
      const configuration = { certificate: KEY_PKCS1 + CERTIFICATE };
      return new library.ClientCertificateCredential(TENANT, CLIENT, configuration, options);
    },
  },
  {
    name: "ClientCertificateCredential, PEM text with an encrypted key",
    tags: ["certificate"],
    create: ({ library, options }) => {
      const configuration = { certificate: CERTIFICATE + KEY_ENCRYPTED, certificatePassword: PASSWORD };
      return new library.ClientCertificateCredential(TENANT, CLIENT, configuration, options);
    },
  },
  {
    name: "ClientCertificateCredential, with its chain",
    tags: ["certificate"],
    create: ({ library, options }) => {
      const configuration = { certificate: CERTIFICATE + AUTHORITY + KEY };
      return new library.ClientCertificateCredential(TENANT, CLIENT, configuration, {
        ...options,
        sendCertificateChain: true,
      });
    },
  },
  {
    name: "ClientCertificateCredential, for two resources",
    tags: ["certificate", "twice"],
    create: ({ library, options, files }) =>
      new library.ClientCertificateCredential(TENANT, CLIENT, files.plain, options),
    use: twice(OTHER_SCOPE),
  },
  {
    name: "ClientAssertionCredential, twice",
    tags: ["getAssertion"],
    create: ({ library, options, note }) => {
      let calls = 0;
      const getAssertion = () => {
        note("calls of getAssertion", ++calls);
        return Promise.resolve(ASSERTION);
      };
      return new library.ClientAssertionCredential(TENANT, CLIENT, getAssertion, options);
    },
    use: twice(SCOPE),
  },
  {
    name: "WorkloadIdentityCredential, the variables",
    env: ({ token }) => ({ AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT, AZURE_FEDERATED_TOKEN_FILE: token }),
    create: ({ library, options }) => new library.WorkloadIdentityCredential(options),
  },
  {
    name: "WorkloadIdentityCredential, the options, twice",
    env: () => ({ AZURE_TENANT_ID: "unused", AZURE_CLIENT_ID: "unused", AZURE_FEDERATED_TOKEN_FILE: "/unused" }),
    create: ({ library, options, files }) => {
      const workload = { tenantId: TENANT, clientId: CLIENT, tokenFilePath: files.token };
      return new library.WorkloadIdentityCredential({ ...options, ...workload });
    },
    use: twice(OTHER_SCOPE),
  },
  {
    name: "WorkloadIdentityCredential, another tenant",
    env: ({ token }) => ({ AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT, AZURE_FEDERATED_TOKEN_FILE: token }),
    create: optionally(
      { additionallyAllowedTenants: ["*"] },
      ({ library, options }) => new library.WorkloadIdentityCredential(options),
    ),
    use: getTokenWith({ tenantId: OTHER_TENANT }),
  },
  {
    name: "WorkloadIdentityCredential, with enableAzureProxy but without the variables of a proxy",
    env: ({ token }) => ({ AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT, AZURE_FEDERATED_TOKEN_FILE: token }),
    create: ({ library, options }) => new library.WorkloadIdentityCredential({ ...options, enableAzureProxy: true }),
  },
  { name: "UsernamePasswordCredential", tags: ["user"], create: withPassword },
  {
    name: "EnvironmentCredential, a secret",
    env: () => ({ AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT, AZURE_CLIENT_SECRET: SECRET }),
    create: fromEnvironment,
  },
  {
    name: "EnvironmentCredential, a certificate",
    tags: ["certificate"],
    env: ({ encrypted }) => ({
      AZURE_TENANT_ID: TENANT,
      AZURE_CLIENT_ID: CLIENT,
      AZURE_CLIENT_CERTIFICATE_PATH: encrypted,
      AZURE_CLIENT_CERTIFICATE_PASSWORD: PASSWORD,
      AZURE_CLIENT_SEND_CERTIFICATE_CHAIN: "true",
    }),
    create: fromEnvironment,
  },
  {
    name: "EnvironmentCredential, a user",
    tags: ["user"],
    env: () => ({
      AZURE_TENANT_ID: TENANT,
      AZURE_CLIENT_ID: PUBLIC_CLIENT,
      AZURE_USERNAME: USER,
      AZURE_PASSWORD: USERS_PASSWORD,
    }),
    create: fromEnvironment,
  },
  {
    name: "EnvironmentCredential, another cloud and tenant",
    env: () => ({
      AZURE_TENANT_ID: TENANT,
      AZURE_CLIENT_ID: CLIENT,
      AZURE_CLIENT_SECRET: SECRET,
      AZURE_AUTHORITY_HOST: "https://login.microsoftonline.us/",
      AZURE_ADDITIONALLY_ALLOWED_TENANTS: `${OTHER_TENANT};another`,
    }),
    create: fromEnvironment,
    use: getTokenWith({ tenantId: OTHER_TENANT }),
  },
  {
    name: "DefaultAzureCredential, a secret",
    env: () => ({ AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT, AZURE_CLIENT_SECRET: SECRET }),
    create: ({ library, options }) => new library.DefaultAzureCredential(options),
  },
  {
    name: "ChainedTokenCredential, the first unavailable",
    create: (context) => new context.library.ChainedTokenCredential(fromEnvironment(context), withSecret(context)),
  },
  {
    name: "OnBehalfOfCredential, a secret, twice",
    tags: ["on behalf"],
    create: (context) => onBehalf(context, { clientSecret: SECRET }),
    use: twice(SCOPE),
  },
  {
    name: "OnBehalfOfCredential, a certificate with its chain",
    tags: ["on behalf", "certificate"],
    create: (context) => onBehalf(context, { certificatePath: context.files.plain, sendCertificateChain: true }),
  },
  {
    name: "OnBehalfOfCredential, an assertion",
    tags: ["on behalf"],
    create: (context) => onBehalf(context, { getAssertion: () => Promise.resolve(ASSERTION) }),
  },
  {
    name: "OnBehalfOfCredential, a malformed token",
    tags: ["on behalf", "refused"],
    create: (context) => onBehalf(context, { clientSecret: SECRET, userAssertionToken: "malformed" }),
  },
  {
    name: "AuthorizationCodeCredential, a secret",
    tags: ["signed in"],
    create: async (context) => byCode(context, CLIENT, SECRET, await codeOf(context.entra, CLIENT)),
  },
  {
    name: "AuthorizationCodeCredential, a public app, twice",
    tags: ["signed in"],
    create: async (context) => byCode(context, PUBLIC_CLIENT, await codeOf(context.entra, PUBLIC_CLIENT)),
    use: twice(SCOPE),
  },
  {
    name: "AuthorizationCodeCredential, for two resources",
    tags: ["signed in", "refresh"],
    create: async (context) => byCode(context, PUBLIC_CLIENT, await codeOf(context.entra, PUBLIC_CLIENT)),
    use: twice(OTHER_SCOPE),
  },
  {
    name: "AuthorizationCodeCredential, a malformed code",
    tags: ["signed in", "refused"],
    create: (context) => byCode(context, PUBLIC_CLIENT, "malformed"),
  },
  { name: "DeviceCodeCredential, twice", tags: ["signed in", "device"], create: byDeviceCode, use: twice(SCOPE) },
  {
    name: "DeviceCodeCredential, for two resources",
    tags: ["signed in", "device", "refresh"],
    create: byDeviceCode,
    use: twice(OTHER_SCOPE),
  },
  {
    name: "DeviceCodeCredential, without a tenant and an app",
    tags: ["signed in", "device"],
    create: ({ library, options, entra }) => {
      const userPromptCallback = ({ userCode }: { userCode: string }) => entra.enterUserCode(userCode, USER);
      return new library.DeviceCodeCredential({ ...options, ...{ runtime: HURRIED }, userPromptCallback });
    },
  },
  {
    name: "AzurePipelinesCredential, twice",
    tags: ["pipelines"],
    env: () => ({ SYSTEM_OIDCREQUESTURI: job.env.SYSTEM_OIDCREQUESTURI! }),
    create: ({ library, options }) =>
      new library.AzurePipelinesCredential(TENANT, CLIENT, CONNECTION, JOB.systemAccessToken, options),
    use: twice(SCOPE),
  },
  {
    name: "AzurePipelinesCredential, a malformed token",
    tags: ["elsewhere"],
    env: () => ({ SYSTEM_OIDCREQUESTURI: job.env.SYSTEM_OIDCREQUESTURI! }),
    create: ({ library, options }) =>
      new library.AzurePipelinesCredential(TENANT, CLIENT, CONNECTION, "malformed", options),
  },
  { name: "enableCae", tags: ["cae"], create: withSecret, use: getTokenWith({ enableCae: true }) },
  { name: "claims", tags: ["claims"], create: withSecret, use: getTokenWith({ claims: CLAIMS }) },
  {
    name: "claims of a user, with enableCae",
    tags: ["claims", "cae", "user"],
    create: withPassword,
    use: getTokenWith({ claims: CLAIMS, enableCae: true }),
  },
  {
    name: "another tenant",
    create: optionally({ additionallyAllowedTenants: ["*"] }),
    use: getTokenWith({ tenantId: OTHER_TENANT }),
  },
  { name: "the public cloud by another name", create: optionally({ authorityHost: "https://login.windows.net/" }) },
  { name: "China", create: optionally({ authorityHost: "https://login.chinacloudapi.cn" }) },
  { name: "US Government", create: optionally({ authorityHost: "https://login.microsoftonline.us" }) },
  { name: "a sovereign cloud", create: optionally({ authorityHost: "https://login.sovcloud-identity.fr" }) },
  {
    name: "the former cloud of Germany",
    tags: ["configuration known"],
    create: optionally({ authorityHost: "https://login.microsoftonline.de" }),
  },
  {
    name: "an external tenant",
    tags: ["configuration known"],
    create: optionally({ authorityHost: "https://contoso.ciamlogin.com" }),
  },
  { name: "a private cloud", tags: ["discovery"], create: optionally({ authorityHost: PRIVATE_CLOUD }) },
  {
    name: "a private cloud, without instance discovery",
    tags: ["configuration known"],
    create: optionally({ authorityHost: PRIVATE_CLOUD, disableInstanceDiscovery: true }),
  },
  {
    name: "AD FS, a secret",
    tags: ["configuration known"],
    create: ({ library, options }) =>
      new library.ClientSecretCredential("adfs", CLIENT, SECRET, { ...options, authorityHost: ADFS }),
  },
  {
    name: "AD FS, a certificate",
    tags: ["adfs", "certificate", "configuration known"],
    create: ({ library, options, files }) =>
      new library.ClientCertificateCredential("adfs", CLIENT, files.plain, { ...options, authorityHost: ADFS }),
  },
  {
    name: "a region",
    tags: ["region"],
    env: () => ({ AZURE_REGIONAL_AUTHORITY_NAME: "westeurope" }),
    create: withSecret,
  },
  {
    name: "a wrong secret",
    tags: ["refused"],
    create: ({ library, options }) => new library.ClientSecretCredential(TENANT, CLIENT, "wrong", options),
  },
  {
    name: "an unknown tenant",
    tags: ["refused"],
    create: ({ library, options }) => new library.ClientSecretCredential("nowhere", CLIENT, SECRET, options),
  },
  {
    name: "a wrong password",
    tags: ["refused", "user"],
    create: ({ library, options }) =>
      new library.UsernamePasswordCredential(TENANT, PUBLIC_CLIENT, USER, "wrong", options),
  },
];

const DIFFERENCES: readonly Difference<Tag>[] = [
  // The transport.
  { at: "header accept", ours: "application/json", because: "oauth4webapi adds it" },
  {
    at: "header content-type",
    ours: "application/x-www-form-urlencoded;charset=UTF-8",
    theirs: "application/x-www-form-urlencoded;charset=utf-8",
    because: "`fetch` writes it; the name of a charset is case-insensitive",
  },
  { at: "header accept-encoding", theirs: "gzip,deflate", because: "`fetch` adds its own" },
  // The library and the machine.
  {
    at: "header user-agent",
    theirs: /^azsdk-js-identity\/4\.14\.1 /,
    because:
      "Not every runtime allows it to be set; the name and the version are in the form, and the machine is not needed",
  },
  { at: "form x-client-SKU", ours: "azweb.identity", theirs: "msal.js.node", because: "The name of each library" },
  {
    at: "form x-client-VER",
    ours: /^\d+\.\d+\.\d+/,
    theirs: /^\d+\.\d+\.\d+$/,
    because: "The version of each library",
  },
  { at: "form x-client-OS", theirs: /./, because: "Not needed for a token" },
  { at: "form x-client-CPU", theirs: /./, because: "Not needed for a token" },
  { at: "form x-ms-lib-capability", theirs: "retry-after, h429", because: "Optional: MSAL's throttling capabilities" },
  {
    at: "form x-client-current-telemetry",
    except: ["on behalf"],
    theirs: /^5\|/,
    because: "Optional: MSAL's statistics",
  },
  {
    at: "form x-client-last-telemetry",
    except: ["on behalf"],
    theirs: /^5\|/,
    because: "Optional: MSAL's statistics",
  },
  { at: "query client-request-id", theirs: "a GUID", because: "It is in the form" },
  {
    at: "header x-ms-client-request-id",
    theirs: "a GUID",
    because: "A custom header makes browsers send a preflight request; the id is in the form",
  },
  // Users.
  {
    at: "header x-anchormailbox",
    tags: ["user"],
    theirs: `UPN: ${USER}`,
    because: "Optional routing hint; a custom header makes browsers send a preflight request",
  },
  {
    at: "form scope",
    tags: ["user"],
    ours: SCOPE,
    theirs: `${SCOPE} openid profile offline_access`,
    because: "An ID token, or a refresh token beside a password, would not be used",
  },
  { at: "form response_type", tags: ["user"], theirs: "id_token token", because: "Not a parameter of this endpoint" },
  { at: "form client_info", tags: ["user"], theirs: "1", because: "For MSAL's account cache" },
  {
    at: "form scope",
    tags: ["on behalf"],
    ours: SCOPE,
    theirs: `${SCOPE} openid profile offline_access`,
    because: "An ID token, or a second refresh token of the user, would not be used",
  },
  { at: "form client_info", tags: ["on behalf"], theirs: "1", because: "For MSAL's account cache" },
  {
    at: "form client-request-id",
    tags: ["signed in"],
    except: ["device"],
    ours: "a GUID",
    because: "It is always in the form instead of the query",
  },
  {
    at: "form claims",
    tags: ["signed in"],
    except: ["device"],
    theirs: `{${ID_TOKEN_CLAIMS}}`,
    because: "No claims were requested; the ID token identifies the user without them",
  },
  {
    at: "form claims",
    tags: ["device", "refresh"],
    theirs: `{${ID_TOKEN_CLAIMS}}`,
    because: "No claims were requested; the ID token identifies the user without them",
  },
  {
    at: "header x-anchormailbox",
    tags: ["refresh"],
    theirs: /^Oid:[0-9a-f-]{36}@contoso$/,
    because: "Optional routing hint; a custom header makes browsers send a preflight request",
  },
  {
    at: "form grant_type",
    tags: ["device"],
    except: ["refresh"],
    ours: "urn:ietf:params:oauth:grant-type:device_code",
    theirs: "device_code",
    because: "The name in RFC 8628 and in Entra's documentation",
  },
  // Azure Pipelines.
  {
    at: "requests",
    tags: ["pipelines"],
    ours: /^POST \S+\/oidctoken, POST \S+\/token$/,
    theirs: /^(POST \S+\/oidctoken, ){4}POST \S+\/token$/,
    because: "One request for an assertion per token; MSAL requests another one even for a cache lookup",
  },
  { at: "header accept-encoding", tags: ["elsewhere"], theirs: "gzip,deflate", because: "`fetch` adds its own" },
  {
    at: "header user-agent",
    tags: ["elsewhere"],
    theirs: /^azsdk-js-identity\/4\.14\.1 /,
    because: "Not every runtime allows it to be set",
  },
  {
    at: "header x-ms-client-request-id",
    tags: ["elsewhere"],
    theirs: "a GUID",
    because: "Azure Pipelines has its own ids, which the error contains",
  },
  {
    at: "error errorResponse",
    tags: ["elsewhere"],
    ours: "none",
    theirs: "AzurePipelinesCredential: Authentication Failed. Received null token from OIDC request. undefined",
    because: "It is for responses of a token service, and there was none; theirs has the text of another response",
  },
  // Claims.
  {
    at: "form claims",
    tags: ["claims"],
    except: ["cae"],
    ours: CLAIMS,
    theirs: `{"access_token":{${NBF}},${ID_TOKEN_CLAIMS}}`,
    because: "The claims of the caller are sent unchanged; an application has no ID token",
  },
  {
    at: "form claims",
    tags: ["cae"],
    except: ["claims"],
    ours: `{"access_token":{${CP1}}}`,
    theirs: `{${ID_TOKEN_CLAIMS},"access_token":{${CP1}}}`,
    because: "An application has no ID token",
  },
  {
    at: "form claims",
    tags: ["claims", "cae"],
    ours: `{"access_token":{${NBF},${CP1}}}`,
    theirs: `{"access_token":{${NBF},${CP1}},${ID_TOKEN_CLAIMS}}`,
    because: "No ID token is requested",
  },
  // Assertions.
  {
    at: "calls of getAssertion",
    tags: ["getAssertion"],
    ours: "1",
    theirs: "4",
    because: "It is called only for a token request, because it may send a request itself",
  },
  {
    at: "different assertions",
    tags: ["twice"],
    ours: "2 of 2",
    theirs: "1 of 2",
    because: "An assertion is valid for one request (RFC 7523, section 3): a strict server rejects a repeated one",
  },
  // Endpoints.
  {
    at: "requests",
    tags: ["configuration known"],
    ours: /^POST \S+$/,
    theirs: /^GET \S+\/\.well-known\/openid-configuration, POST \S+$/,
    because: "The endpoint is known, so that the configuration need not be requested",
  },
  {
    at: "requests",
    tags: ["discovery"],
    ours: /authorization_endpoint=https%3A%2F%2Flogin\.contoso\.example%2F/,
    theirs: /authorization_endpoint=https:\/\/login\.contoso\.example\//,
    because: "A URL in a query must be encoded",
  },
  {
    at: "requests",
    tags: ["region"],
    ours: `POST https://westeurope.login.microsoft.com/${TENANT}/oauth2/v2.0/token`,
    theirs: `POST https://westeurope.login.microsoft.com/${TENANT}/oauth2/v2.0/token/`,
    because: "The endpoint does not end with a slash",
  },
  // AD FS.
  {
    at: "assertion header alg",
    tags: ["adfs"],
    ours: "RS256",
    theirs: "PS256",
    because: "AD FS does not support PS256",
  },
  { at: "assertion header x5t", tags: ["adfs"], ours: /^[\w-]{27}$/, because: "RS256 is used with SHA-1" },
  { at: "assertion header x5t#S256", tags: ["adfs"], theirs: /^[\w-]{43}$/, because: "RS256 is used with SHA-1" },
  {
    at: "outcome",
    tags: ["adfs"],
    ours: "a token",
    theirs: "AuthenticationRequiredError",
    because: "AD FS does not support PS256",
  },
  // Results.
  {
    at: "result members",
    except: ["refused", "adfs"],
    ours: "acquiredOnTimestamp,expiresOnTimestamp,refreshAfterTimestamp,token,tokenType",
    theirs: "expiresOnTimestamp,refreshAfterTimestamp,token,tokenType",
    because: "A token is cached with the time of its request",
  },
  {
    at: "outcome",
    tags: ["refused"],
    ours: "AuthenticationError",
    theirs: "AuthenticationRequiredError",
    because: "The credential is configured and rejected: a chain must stop here, and not use another identity",
  },
  {
    at: "error statusCode",
    tags: ["refused"],
    ours: /^40[01]$/,
    theirs: "undefined",
    because: "A program needs it to handle the error",
  },
  {
    at: "error errorResponse",
    tags: ["refused"],
    ours: /^invalid_\w+ \d+$/,
    theirs: "none",
    because: "A program needs it to handle the error",
  },
];

const IN_DENO = "Deno" in globalThis;

for (const { name, tags = [], env, create, use = getTokenWith({}) } of CASES) {
  test(`the requests differ from those of @azure/identity only as listed: ${name}`, async () => {
    const seen = await withFiles((files) =>
      observe({
        entra: ENTRA,
        job: JOB,
        env: env?.(files) ?? {},
        run: async (library, options, note, entra) =>
          (await use(await create({ library, options, files, note, entra })))!,
      })
    );
    if (IN_DENO && tags.includes("certificate")) {
      // On Deno, `@azure/identity` cannot read a private key, so there is nothing to compare with.
      assert.notEqual(seen.theirs.outcome, "a token");
      return assert.equal(seen.ours.outcome, "a token");
    }
    const expected = DIFFERENCES.filter((row) => appliesTo(row, tags));
    const actual = compare(seen.ours, seen.theirs);
    checkDifferences(actual, expected);
  });
}

test("each listed difference applies to a case", () => {
  assert.deepEqual(DIFFERENCES.filter((row) => !CASES.some(({ tags = [] }) => appliesTo(row, tags))), []);
});

async function withFiles<T>(use: (files: Files) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "incumbent-wire-"));
  const files = {
    plain: join(folder, "plain.pem"),
    encrypted: join(folder, "encrypted.pem"),
    token: join(folder, "token"),
  };
  try {
    await writeFile(files.plain, CERTIFICATE + KEY);
    await writeFile(files.token, `${ASSERTION}\n`);
    await writeFile(files.encrypted, CERTIFICATE + AUTHORITY + KEY_ENCRYPTED);
    return await use(files);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function compare(ours: Observations, theirs: Observations): Found[] {
  const isSameOutcome = (ours.outcome === "a token") === (theirs.outcome === "a token");
  // The members of a token and those of an error cannot be compared.
  return differ(ours, theirs).filter(({ at }) => isSameOutcome || !/^(token|result|error) /.test(at));
}

function appliesTo({ tags = [], except = [] }: Difference<Tag>, of: readonly Tag[]): boolean {
  return of.includes("elsewhere") === tags.includes("elsewhere") && tags.every((tag) => of.includes(tag)) &&
    !except.some((tag) => of.includes(tag));
}
