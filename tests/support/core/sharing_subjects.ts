/**
 * Every credential with its arguments, options and variables. For each of these parts: what two calls share that differ
 * only in this part.
 *
 * @module
 */
import {
  AgentIdentityCredential,
  type AgentIdentityCredentialOptions,
  AuthorizationCodeCredential,
  type AuthorizationCodeCredentialOptions,
  AzureCliCredential,
  type AzureCliCredentialOptions,
  AzureDeveloperCliCredential,
  type AzureDeveloperCliCredentialOptions,
  AzurePipelinesCredential,
  type AzurePipelinesCredentialOptions,
  AzurePowerShellCredential,
  type AzurePowerShellCredentialOptions,
  type CertificateConfiguration,
  ChainedTokenCredential,
  ClientAssertionCredential,
  type ClientAssertionCredentialOptions,
  ClientCertificateCredential,
  type ClientCertificateCredentialOptions,
  ClientSecretCredential,
  type ClientSecretCredentialOptions,
  type CredentialOptions,
  DefaultAzureCredential,
  type DefaultAzureCredentialClientIdOptions,
  type DefaultAzureCredentialResourceIdOptions,
  DeviceCodeCredential,
  type DeviceCodeCredentialOptions,
  EnvironmentCredential,
  type EnvironmentCredentialOptions,
  type GetTokenOptions,
  InteractiveBrowserCredential,
  type InteractiveBrowserCredentialOptions,
  ManagedIdentityCredential,
  type ManagedIdentityCredentialClientIdOptions,
  type ManagedIdentityCredentialObjectIdOptions,
  type ManagedIdentityCredentialResourceIdOptions,
  OnBehalfOfCredential,
  type OnBehalfOfCredentialAssertionOptions,
  type OnBehalfOfCredentialCertificateOptions,
  type OnBehalfOfCredentialSecretOptions,
  UsernamePasswordCredential,
  type UsernamePasswordCredentialOptions,
  WorkloadIdentityCredential,
  type WorkloadIdentityCredentialOptions,
} from "@azweb/identity";
import { createWebSignIn } from "@azweb/identity/web-sign-in";
import { CERTIFICATE, KEY, KEY_ENCRYPTED, PASSWORD, SHA256 } from "../certificates/certificates.ts";
import { CLIENT_ID, MACHINES, OBJECT_ID, RESOURCE_ID } from "../managed_identity/machine.ts";
import { CLIENT, TENANT } from "../service.ts";
import {
  irrelevant,
  type OwnOption,
  type Part,
  type Parts,
  requestOnly,
  separate,
  type Subject,
  type Values,
} from "./sharing.ts";

const OTHER_TENANT = "contoso.onmicrosoft.com";
const OTHER_HOST = "https://login.microsoftonline.us";
export const CLAIMS = '{"access_token":{"nbf":{"essential":true,"value":"1700000000"}}}';

/** The common options of all credentials. */
export const OPTIONS: Parts<keyof CredentialOptions> = {
  authorityHost: separate(() => OTHER_HOST),
  allowInsecureLoopback: requestOnly(() => true),
  additionallyAllowedTenants: irrelevant(() => [OTHER_TENANT]),
  disableInstanceDiscovery: requestOnly(() => true),
  loggingOptions: irrelevant(() => ({})),
  userAgentOptions: irrelevant(() => ({})),
  telemetryOptions: irrelevant(() => ({})),
  retryOptions: requestOnly(() => ({ maxRetries: 1 })),
  env: irrelevant(() => ({})),
  fetch: separate(({ options }) => (...request: Parameters<typeof fetch>) => options.fetch!(...request)),
  localFetch: separate(({ options }) => (...request: Parameters<typeof fetch>) => options.localFetch!(...request)),
  cache: separate(() => new Map()),
  waitUntil: irrelevant(() => () => {}),
  timeoutInMs: requestOnly(() => 50_000),
  log: irrelevant(() => () => {}),
  runtime: separate(({ options }) => ({ ...options.runtime })),
};

/** The members of `retryOptions`. */
export const RETRY_OPTIONS: Parts<keyof NonNullable<CredentialOptions["retryOptions"]>> = {
  maxRetries: requestOnly(() => 1),
  retryDelayInMs: requestOnly(() => 1),
  maxRetryDelayInMs: requestOnly(() => 1),
};

/**
 * The options of a call. `claims` have their own tests, because such a call uses no cached token and replaces the
 * entry.
 */
export const CALLS: Parts<Exclude<keyof GetTokenOptions, "claims">> = {
  abortSignal: irrelevant(() => new AbortController().signal),
  requestOptions: irrelevant(() => ({ timeout: 50_000 })),
  enableCae: separate(() => true),
  tenantId: separate(() => OTHER_TENANT),
  tracingOptions: irrelevant(() => ({})),
};

/** The variables that every credential of Microsoft Entra reads. */
const VARIABLES: Readonly<Record<string, Part>> = {
  AZURE_AUTHORITY_HOST: separate(() => OTHER_HOST),
  // These two do not affect the identity of the token.
  AZURE_REGIONAL_AUTHORITY_NAME: irrelevant(() => "westeurope"),
  AZURE_IDENTITY_DISABLE_MULTITENANTAUTH: irrelevant(() => "true"),
};

const APP = { tenantId: TENANT, clientId: CLIENT };
const APP_PARTS = { tenantId: separate(() => OTHER_TENANT), clientId: separate(() => "another-app") };

/** Returns the subject of an app with a certificate. `others` are other configurations to compare with. */
function certificate(configuration: CertificateConfiguration, others: Readonly<Record<string, Part>>): Subject {
  return {
    create: (
      { tenantId, clientId, configuration, ...given }: typeof APP & ClientCertificateCredentialOptions & {
        configuration: CertificateConfiguration;
      },
      options,
    ) => new ClientCertificateCredential(tenantId, clientId, configuration, { ...options, ...given }),
    given: () => ({ ...APP, configuration }),
    parts: {
      ...APP_PARTS,
      ...Object.fromEntries(
        Object.entries(others).map(([name, part]) => [`configuration: ${name}`, part]),
      ),
      claimsFromClient,
      ...typeof configuration === "object" && "thumbprint" in configuration ? {} : {
        sendCertificateChain: separate(() => true),
      } satisfies Parts<Exclude<OwnOption<ClientCertificateCredentialOptions>, "claimsFromClient">>,
    },
  };
}

const PEM = CERTIFICATE + KEY;
const RENEWED = KEY + CERTIFICATE;

/** Returns a subject for each form of a certificate. */
async function certificates(): Promise<Record<string, Subject>> {
  const der = Uint8Array.from(atob(KEY.replace(/-.*-|\s/g, "")), (character) => character.charCodeAt(0));
  const algorithm = { name: "RSA-PSS", hash: "SHA-256" };
  const [privateKey, other] = await Promise.all(
    [1, 2].map(() => crypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"])),
  ) as [CryptoKey, CryptoKey];
  const sign = async (data: Uint8Array) =>
    new Uint8Array(
      await crypto.subtle.sign({ name: "RSA-PSS", saltLength: 32 }, privateKey, data as Uint8Array<ArrayBuffer>),
    );
  const encrypted = { certificate: CERTIFICATE + KEY_ENCRYPTED, certificatePassword: PASSWORD };
  return {
    "a certificate": certificate({ certificate: PEM }, {
      "an equal certificate": irrelevant(() => ({ certificate: PEM })),
      "the certificate in a file": irrelevant(() => "/app.pem"),
      "another certificate": separate(() => ({ certificate: RENEWED })),
    }),
    "a certificate in a file": certificate("/app.pem", {
      "the same certificate in another file": irrelevant(() => ({ certificatePath: "/copy.pem" })),
      "another certificate": separate(() => "/other.pem"),
    }),
    "an encrypted certificate": certificate(encrypted, {
      "an equal certificate, separate because of its password": separate(() => ({ ...encrypted })),
    }),
    "a CryptoKey": certificate({ certificate: CERTIFICATE, privateKey }, {
      "the same key in another object": irrelevant(() => ({ certificate: CERTIFICATE, privateKey })),
      "another key": separate(() => ({ certificate: CERTIFICATE, privateKey: other })),
      "the thumbprint instead of the certificate": separate(() => ({ thumbprint: SHA256, privateKey })),
    }),
    "a CryptoKey by its thumbprint": {
      ...certificate({ thumbprint: SHA256, privateKey }, {
        "another thumbprint": separate(() => ({ thumbprint: "0".repeat(64), privateKey })),
      }),
      options: OPTIONS,
      variables: VARIABLES,
    },
    "a signer": certificate({ certificate: CERTIFICATE, sign }, {
      "another signer": separate(() => ({ certificate: CERTIFICATE, sign: (data: Uint8Array) => sign(data) })),
    }),
  };
}

const USER = { userAssertionToken: "a-users-token" };
const claimsFromClient = separate(() => '{"id_token":{}}');
const USER_PARTS = { ...APP_PARTS, claimsFromClient, userAssertionToken: separate(() => "another-users-token") };
function getAssertion(): Promise<string> {
  return Promise.resolve("an-assertion");
}

function onBehalfOf(given: Values, parts: Subject["parts"]): Subject {
  return {
    create: (given: OnBehalfOfCredentialSecretOptions, options) => new OnBehalfOfCredential({ ...options, ...given }),
    given: () => ({ ...APP, ...USER, ...given }),
    variables: VARIABLES,
    parts,
  };
}

/** The options that every kind of agent has. */
type AgentPart = Exclude<
  OwnOption<AgentIdentityCredentialOptions>,
  | ("certificatePath" | "clientSecret" | "getAssertion" | "sendCertificateChain")
  | ("userAssertionToken" | "userId" | "username")
>;

function agent(given: Values, parts: Subject["parts"], hasOtherProof = false): Subject {
  return {
    create: (given: AgentIdentityCredentialOptions, options) => new AgentIdentityCredential({ ...options, ...given }),
    given: () => ({
      tenantId: TENANT,
      blueprintId: "a-blueprint",
      agentId: "an-agent",
      clientSecret: "a-secret",
      ...given,
    }),
    variables: VARIABLES,
    parts: {
      ...{
        tenantId: APP_PARTS.tenantId,
        blueprintId: separate(() => "another-blueprint"),
        agentId: separate(() => "another-agent"),
        claimsFromClient,
      } satisfies Parts<AgentPart>,
      ...hasOtherProof ? {} : { clientSecret: separate(() => "another-secret") },
      ...parts,
    },
  };
}

function environment(env: Subject["env"] & object, variables: Subject["parts"], perInstance = false): Subject {
  return {
    create: (_: unknown, options: EnvironmentCredentialOptions) => new EnvironmentCredential(options),
    env: { AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT, ...env },
    perInstance,
    parts: {} satisfies Parts<OwnOption<EnvironmentCredentialOptions>>,
    variables: {
      ...VARIABLES,
      AZURE_TENANT_ID: separate(() => OTHER_TENANT),
      AZURE_CLIENT_ID: separate(() => "another-app"),
      AZURE_ADDITIONALLY_ALLOWED_TENANTS: irrelevant(() => OTHER_TENANT),
      AZURE_CLIENT_SECRET: irrelevant(() => ""),
      AZURE_CLIENT_CERTIFICATE_PATH: irrelevant(() => ""),
      AZURE_USERNAME: irrelevant(() => "jo@contoso.com"),
      AZURE_PASSWORD: irrelevant(() => "a-password"),
      ...variables,
    },
  };
}

const WORKLOAD = { AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT, AZURE_FEDERATED_TOKEN_FILE: "/token" };
const WORKLOAD_VARIABLES = {
  ...VARIABLES,
  AZURE_TENANT_ID: separate(() => OTHER_TENANT),
  AZURE_CLIENT_ID: separate(() => "another-app"),
  AZURE_FEDERATED_TOKEN_FILE: separate(() => "/other-token"),
};

const PROXY = { AZURE_KUBERNETES_TOKEN_PROXY: "https://proxy.example/", AZURE_KUBERNETES_SNI_NAME: "ests.example" };
const CA_DATA = CERTIFICATE;

type MachineOptions =
  & ManagedIdentityCredentialClientIdOptions
  & ManagedIdentityCredentialObjectIdOptions
  & ManagedIdentityCredentialResourceIdOptions;

/** The parts of a machine's identity, for sources that support each kind of id. */
const IDENTITIES: Parts<OwnOption<MachineOptions>> = {
  clientId: separate(() => CLIENT_ID),
  objectId: separate(() => OBJECT_ID),
  resourceId: separate(() => RESOURCE_ID),
  probeTimeoutInMs: irrelevant(() => 500),
};

const { probeTimeoutInMs } = IDENTITIES;

/** The variables that configure other sources. */
const SOURCES: Readonly<Record<string, Part>> = {
  AZURE_AUTHORITY_HOST: separate(() => OTHER_HOST),
  AZURE_TENANT_ID: irrelevant(() => TENANT),
  AZURE_CLIENT_ID: irrelevant(() => CLIENT),
  AZURE_FEDERATED_TOKEN_FILE: irrelevant(() => "/token"),
};

/** Returns the subject of a managed identity on a machine with these variables. */
function machine(env: Values, parts: Partial<Parts<OwnOption<MachineOptions>>>, variables: Subject["parts"]): Subject {
  return {
    create: (given: MachineOptions, options) => new ManagedIdentityCredential({ ...options, ...given }),
    env: env as Record<string, string>,
    parts: parts as Subject["parts"],
    variables: { ...SOURCES, ...variables },
    calls: { tenantId: irrelevant(() => OTHER_TENANT) },
  };
}

const DESK = { PATH: "/usr/bin", HOME: "/home/jo" };

/** The variables that are passed to a tool. Each can affect its account or cloud. */
const TOOL_VARIABLES: Readonly<Record<string, Part>> = {
  PATH: separate(() => "/opt/bin"),
  HOME: separate(() => "/home/ann"),
  AZURE_CLOUD_NAME: separate(() => "AzureUSGovernment"),
  ARM_TENANT_ID: separate(() => OTHER_TENANT),
  AZURE_IDENTITY_DISABLE_MULTITENANTAUTH: separate(() => "true"),
  LANG: separate(() => "de_DE"),
};

/** The common options for a tool, which sends its own requests and has its own cloud. */
const TOOL_OPTIONS = {
  ...OPTIONS,
  authorityHost: irrelevant(() => OTHER_HOST),
  // The shorter one of `timeoutInMs` and `processTimeoutInMs` applies.
  timeoutInMs: requestOnly(() => 10_000),
};

const TOOL_PARTS = { tenantId: separate(() => OTHER_TENANT), processTimeoutInMs: requestOnly(() => 20_000) };

type DefaultOptions = DefaultAzureCredentialClientIdOptions & Partial<DefaultAzureCredentialResourceIdOptions>;

/** The options that do not matter to the credentials that the chains of these tests select. */
const DEFAULT_PARTS = {
  browserCustomizationOptions: irrelevant(() => ({})),
  exclude: irrelevant(() => ["AzurePowerShellCredential"]),
  includeInteractiveBrowser: irrelevant(() => true),
  interactiveBrowserClientId: irrelevant(() => "another-app"),
  loginHint: irrelevant(() => "jo@contoso.com"),
  requiredEnvVars: irrelevant(() => []),
  probeTimeoutInMs,
};

/** Returns the subject of a `DefaultAzureCredential` with variables that determine its selected credential. */
function byDefault(
  env: Subject["env"] & object,
  parts: Subject["parts"] & Omit<Parts<OwnOption<DefaultOptions>>, "managedIdentityResourceId">,
  calls: Subject["calls"] & object = {},
): Subject {
  return {
    create: (given: DefaultOptions, options) => new DefaultAzureCredential({ ...options, ...given }),
    env,
    parts,
    calls,
  };
}

/** The properties of credentials of a user, who signs in to one instance only. */
const PERSON = { perInstance: true, inTurn: true, parts: {}, variables: VARIABLES };

/** Signs the user in to a web app, and returns the credential of the session. */
async function signInToWebApp(given: typeof APP, options: CredentialOptions) {
  const signIn = createWebSignIn({
    ...options,
    ...given,
    clientSecret: "a-secret",
    redirectUri: "https://my.app/signed-in",
    scopes: "a-scope-of-its-own",
    sealingKey: btoa("1".repeat(32)),
  });
  const { headers } = await signIn.signIn(new Request("https://my.app/"));
  const { searchParams } = new URL(headers.get("location")!);
  const back = new URLSearchParams({ state: searchParams.get("state")!, code: searchParams.get("nonce")! });
  const cookie = headers.get("set-cookie")!.split(";")[0]!;
  const request = new Request(`https://my.app/signed-in?${back}`, { headers: { cookie } });
  return (await signIn.redeem(request)).credential;
}

/** Returns every credential, by name. */
export async function createSubjects(): Promise<Readonly<Record<string, Subject>>> {
  return {
    "a client secret": {
      create: (
        { tenantId, clientId, clientSecret, ...given }: typeof APP & { clientSecret: string },
        options: ClientSecretCredentialOptions,
      ) => new ClientSecretCredential(tenantId, clientId, clientSecret, { ...options, ...given }),
      given: () => ({ ...APP, clientSecret: "a-secret" }),
      variables: VARIABLES,
      parts: {
        ...APP_PARTS,
        claimsFromClient,
        clientSecret: separate(() => "another-secret"),
      } satisfies Parts<OwnOption<ClientSecretCredentialOptions> | keyof typeof APP | "clientSecret">,
      options: OPTIONS,
    },
    "an assertion": {
      create: (
        { tenantId, clientId, getAssertion, ...given }: typeof APP & { getAssertion: () => Promise<string> },
        options: ClientAssertionCredentialOptions,
      ) => new ClientAssertionCredential(tenantId, clientId, getAssertion, { ...options, ...given }),
      given: () => ({ ...APP, getAssertion }),
      variables: VARIABLES,
      parts: {
        ...APP_PARTS,
        claimsFromClient,
        getAssertion: separate(() => () => getAssertion()),
      } satisfies Parts<OwnOption<ClientAssertionCredentialOptions> | keyof typeof APP | "getAssertion">,
      options: OPTIONS,
    },
    ...await certificates(),
    "on behalf of a user, with a secret": onBehalfOf(
      { clientSecret: "a-secret" },
      {
        ...USER_PARTS,
        clientSecret: separate(() => "another-secret"),
      } satisfies Parts<OwnOption<OnBehalfOfCredentialSecretOptions>>,
    ),
    "on behalf of a user, with a certificate": onBehalfOf(
      { certificatePath: "/app.pem" },
      {
        ...USER_PARTS,
        certificatePath: separate(() => "/other.pem"),
        sendCertificateChain: separate(() => true),
      } satisfies Parts<OwnOption<OnBehalfOfCredentialCertificateOptions>>,
    ),
    "on behalf of a user, with an assertion": onBehalfOf(
      { getAssertion },
      {
        ...USER_PARTS,
        getAssertion: separate(() => () => getAssertion()),
      } satisfies Parts<OwnOption<OnBehalfOfCredentialAssertionOptions>>,
    ),
    "an agent": agent({}, {}),
    "the user of an agent, by name": agent(
      { username: "agent@contoso.com" },
      { username: separate(() => "another@contoso.com") },
    ),
    "the user of an agent, by id": agent({ userId: "an-id" }, { userId: separate(() => "another-id") }),
    "an agent on behalf of a user": agent(
      USER,
      { userAssertionToken: separate(() => "another-users-token") },
    ),
    "an agent, with a certificate": agent(
      { clientSecret: undefined, certificatePath: "/app.pem" },
      { certificatePath: separate(() => "/other.pem"), sendCertificateChain: separate(() => true) },
      true,
    ),
    "an agent, with an assertion": agent(
      { clientSecret: undefined, getAssertion },
      { getAssertion: separate(() => () => getAssertion()) },
      true,
    ),
    "a workload": {
      create: (given: WorkloadIdentityCredentialOptions, options) =>
        new WorkloadIdentityCredential({ ...options, ...given }),
      env: WORKLOAD,
      parts: {
        tenantId: separate(() => OTHER_TENANT),
        clientId: separate(() => "another-app"),
        tokenFilePath: separate(() => "/other-token"),
        // It separates calls even without a proxy in the variables.
        enableAzureProxy: separate(() => true),
      } satisfies Parts<OwnOption<WorkloadIdentityCredentialOptions>>,
      variables: WORKLOAD_VARIABLES,
      options: OPTIONS,
    },
    "a workload behind a token proxy": {
      create: (given: WorkloadIdentityCredentialOptions, options) =>
        new WorkloadIdentityCredential({ ...options, enableAzureProxy: true, ...given }),
      env: { ...WORKLOAD, ...PROXY },
      parts: { enableAzureProxy: separate(() => false) },
      variables: {
        ...WORKLOAD_VARIABLES,
        AZURE_KUBERNETES_TOKEN_PROXY: separate(() => "https://other.example/"),
        AZURE_KUBERNETES_SNI_NAME: separate(() => "other.ests.example"),
        AZURE_KUBERNETES_CA_FILE: separate(() => "/app.pem"),
        AZURE_KUBERNETES_CA_DATA: separate(() => CA_DATA),
      },
    },
    "a workload, as a managed identity": {
      create: (given: MachineOptions, options) => new ManagedIdentityCredential({ ...options, ...given }),
      env: WORKLOAD,
      parts: { clientId: separate(() => "another-app"), probeTimeoutInMs },
      variables: WORKLOAD_VARIABLES,
    },
    "a service connection": {
      create: (
        { tenantId, clientId, serviceConnectionId, systemAccessToken }: typeof APP & {
          serviceConnectionId: string;
          systemAccessToken: string;
        },
        options: AzurePipelinesCredentialOptions,
      ) => new AzurePipelinesCredential(tenantId, clientId, serviceConnectionId, systemAccessToken, options),
      given: () => ({ ...APP, serviceConnectionId: "a-connection", systemAccessToken: "a-jobs-token" }),
      env: { SYSTEM_OIDCREQUESTURI: "https://dev.azure.com/contoso/oidctoken" },
      parts: {
        ...APP_PARTS,
        serviceConnectionId: separate(() => "another-connection"),
        systemAccessToken: separate(() => "another-jobs-token"),
      } satisfies Parts<
        | OwnOption<AzurePipelinesCredentialOptions>
        | keyof typeof APP
        | "serviceConnectionId"
        | "systemAccessToken"
      >,
      options: OPTIONS,
      variables: {
        ...VARIABLES,
        SYSTEM_OIDCREQUESTURI: separate(() => "https://dev.azure.com/fabrikam/oidctoken"),
      },
    },
    "the environment's secret": {
      ...environment({ AZURE_CLIENT_SECRET: "a-secret" }, {
        AZURE_CLIENT_SECRET: separate(() => "another-secret"),
        AZURE_CLIENT_CERTIFICATE_PATH: irrelevant(() => "/app.pem"),
      }),
      options: OPTIONS,
    },
    "the environment's certificate": environment({ AZURE_CLIENT_CERTIFICATE_PATH: "/app.pem" }, {
      AZURE_CLIENT_SECRET: separate(() => "a-secret"),
      AZURE_CLIENT_CERTIFICATE_PATH: separate(() => "/other.pem"),
      // Passwords are never compared, so that equal credentials share nothing.
      AZURE_CLIENT_CERTIFICATE_PASSWORD: { ...separate(() => PASSWORD), perInstance: true },
      AZURE_CLIENT_SEND_CERTIFICATE_CHAIN: separate(() => "true"),
    }),
    "the environment's user": environment(
      { AZURE_USERNAME: "jo@contoso.com", AZURE_PASSWORD: "a-password" },
      {},
      true,
    ),
    "Service Fabric": machine(MACHINES["Service Fabric"], { probeTimeoutInMs }, {
      IDENTITY_ENDPOINT: separate(() => "https://other:2377/metadata/identity/oauth2/token"),
      IDENTITY_HEADER: separate(() => "another-header"),
      IDENTITY_SERVER_THUMBPRINT: separate(() => "0".repeat(40)),
    }),
    "App Service": {
      ...machine(MACHINES["App Service"], IDENTITIES, {
        IDENTITY_ENDPOINT: separate(() => "http://127.0.0.1:41742/msi/token/"),
        IDENTITY_HEADER: separate(() => "another-header"),
        IDENTITY_SERVER_THUMBPRINT: irrelevant(() => ""),
        MSI_ENDPOINT: irrelevant(() => "http://127.0.0.1:46808/MSI/auth"),
        MSI_SECRET: irrelevant(() => "a-secret"),
      }),
      options: OPTIONS,
    },
    "Azure Machine Learning": machine(MACHINES["Azure Machine Learning"], {
      clientId: separate(() => CLIENT_ID),
      probeTimeoutInMs,
    }, {
      MSI_ENDPOINT: separate(() => "http://127.0.0.1:46809/MSI/auth"),
      MSI_SECRET: separate(() => "another-secret"),
      DEFAULT_IDENTITY_CLIENT_ID: separate(() => CLIENT_ID),
      IDENTITY_ENDPOINT: irrelevant(() => "http://127.0.0.1:41742/msi/token/"),
      IDENTITY_HEADER: irrelevant(() => "a-header"),
    }),
    "Cloud Shell": machine(MACHINES["Cloud Shell"], { probeTimeoutInMs }, {
      MSI_ENDPOINT: separate(() => "http://localhost:50343/oauth2/token"),
      MSI_SECRET: separate(() => "a-secret"),
      IDENTITY_ENDPOINT: irrelevant(() => "http://127.0.0.1:41742/msi/token/"),
    }),
    "Azure Arc": machine(MACHINES["Azure Arc"], IDENTITIES, {
      IDENTITY_ENDPOINT: separate(() => "http://127.0.0.1:40342/other"),
      IMDS_ENDPOINT: irrelevant(() => "http://127.0.0.1:40343"),
      // With a value that is not empty, the source would be App Service.
      IDENTITY_HEADER: irrelevant(() => ""),
      MSI_ENDPOINT: separate(() => "http://localhost:50342/oauth2/token"),
    }),
    "IMDS": machine(MACHINES.IMDS, IDENTITIES, {
      AZURE_POD_IDENTITY_AUTHORITY_HOST: separate(() => "http://127.0.0.1:8000"),
      AZURE_IMDS_PROBE_TIMEOUT_IN_MS: irrelevant(() => "500"),
      IDENTITY_ENDPOINT: irrelevant(() => "http://127.0.0.1:41741/msi/token/"),
      MSI_ENDPOINT: separate(() => "http://localhost:50342/oauth2/token"),
    }),
    "the Azure CLI": {
      create: (given: AzureCliCredentialOptions, options) => new AzureCliCredential({ ...options, ...given }),
      env: DESK,
      parts: {
        ...TOOL_PARTS,
        subscription: separate(() => "a-subscription"),
      } satisfies Parts<OwnOption<AzureCliCredentialOptions>>,
      variables: { ...TOOL_VARIABLES, AZURE_CONFIG_DIR: separate(() => "/config") },
      takesClaims: false,
      options: TOOL_OPTIONS,
    },
    "the Azure Developer CLI": {
      create: (given: AzureDeveloperCliCredentialOptions, options) =>
        new AzureDeveloperCliCredential({ ...options, ...given }),
      env: DESK,
      parts: TOOL_PARTS satisfies Parts<OwnOption<AzureDeveloperCliCredentialOptions>>,
      variables: {
        ...TOOL_VARIABLES,
        AZD_CONFIG_DIR: separate(() => "/config"),
        AZD_AUTH_ENDPOINT: separate(() => "http://127.0.0.1:1/"),
      },
      options: TOOL_OPTIONS,
    },
    "Azure PowerShell": {
      create: (given: AzurePowerShellCredentialOptions, options) =>
        new AzurePowerShellCredential({ ...options, ...given }),
      env: DESK,
      parts: TOOL_PARTS satisfies Parts<OwnOption<AzurePowerShellCredentialOptions>>,
      variables: TOOL_VARIABLES,
      takesClaims: false,
      options: TOOL_OPTIONS,
    },
    "a chain": {
      create: (_: unknown, options) =>
        new ChainedTokenCredential(
          new EnvironmentCredential({ ...options, env: {} }),
          new ClientSecretCredential(TENANT, CLIENT, "a-secret", options),
        ),
      parts: {},
    },
    "DefaultAzureCredential, with a secret": byDefault({ ...WORKLOAD, AZURE_CLIENT_SECRET: "a-secret" }, {
      ...DEFAULT_PARTS,
      workloadIdentityClientId: irrelevant(() => "another-app"),
      managedIdentityClientId: irrelevant(() => CLIENT_ID),
      processTimeoutInMs: irrelevant(() => 20_000),
      tenantId: irrelevant(() => OTHER_TENANT),
    }),
    "DefaultAzureCredential, in a workload": byDefault(WORKLOAD, {
      ...DEFAULT_PARTS,
      workloadIdentityClientId: separate(() => "another-app"),
      managedIdentityClientId: separate(() => CLIENT_ID),
      processTimeoutInMs: irrelevant(() => 20_000),
      tenantId: separate(() => OTHER_TENANT),
    }),
    "DefaultAzureCredential, on a virtual machine": byDefault({}, {
      ...DEFAULT_PARTS,
      workloadIdentityClientId: irrelevant(() => "another-app"),
      managedIdentityClientId: separate(() => CLIENT_ID),
      managedIdentityResourceId: separate(() => RESOURCE_ID),
      processTimeoutInMs: irrelevant(() => 20_000),
      tenantId: irrelevant(() => OTHER_TENANT),
    }, { tenantId: irrelevant(() => OTHER_TENANT) }),
    "DefaultAzureCredential, on a developer's machine": {
      ...byDefault(DESK, {
        ...DEFAULT_PARTS,
        exclude: irrelevant(() => ["ManagedIdentityCredential", "EnvironmentCredential"]),
        workloadIdentityClientId: irrelevant(() => "another-app"),
        managedIdentityClientId: irrelevant(() => CLIENT_ID),
        processTimeoutInMs: requestOnly(() => 20_000),
        tenantId: separate(() => OTHER_TENANT),
      }),
      given: () => ({ exclude: ["ManagedIdentityCredential"] }),
      takesClaims: false,
    },
    "a password": {
      ...PERSON,
      inTurn: false,
      create: (given: typeof APP, options: UsernamePasswordCredentialOptions) =>
        new UsernamePasswordCredential(given.tenantId, given.clientId, "jo@contoso.com", "a-password", options),
      given: () => APP,
    },
    "a device code": {
      ...PERSON,
      create: (given: DeviceCodeCredentialOptions, options) =>
        new DeviceCodeCredential({ ...options, userPromptCallback() {}, ...given }),
      given: () => APP,
    },
    "an authorization code": {
      ...PERSON,
      create: (given: typeof APP, options: AuthorizationCodeCredentialOptions) =>
        new AuthorizationCodeCredential(
          given.tenantId,
          given.clientId,
          "a-secret",
          "a-code",
          "https://my.app/",
          options,
        ),
      given: () => APP,
    },
    "a web app": {
      ...PERSON,
      create: signInToWebApp,
      given: () => APP,
    },
    "a browser": {
      ...PERSON,
      create: (given: InteractiveBrowserCredentialOptions, options) =>
        new InteractiveBrowserCredential({ ...options, ...given }),
      given: () => APP,
    },
  };
}
