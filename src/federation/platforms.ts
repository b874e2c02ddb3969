import type { AssertionSource, AssertionSourceOptions } from "../assertion_source.ts";
import type { Settings } from "../core/settings.ts";

/** A platform that can be detected by its environment variables. */
export interface Platform {
  /** The name in messages. */
  readonly name: string;
  /** The variables by which the platform is detected: at least one of each group must be set. */
  readonly variables: readonly (readonly string[])[];
  /** The variables that determine the identity. */
  readonly identity: readonly string[];
  /** Whether its assertions are in a file or a variable, so that no request is needed for one. */
  readonly isLocal?: boolean;
  /** Rejects if the job lacks what its assertions need, such as a permission. */
  readonly check?: (settings: Settings) => Promise<void>;
  /** Returns the source of its assertions. Loaded on demand, because a program runs on one platform. */
  readonly load: (options: AssertionSourceOptions) => Promise<AssertionSource>;
}

const AZURE_FILE = "AZURE_FEDERATED_TOKEN_FILE";
const ARM_FILE = "ARM_OIDC_TOKEN_FILE_PATH";
const GITHUB = ["ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"];
const PIPELINES = ["SYSTEM_OIDCREQUESTURI", "SYSTEM_ACCESSTOKEN"];
const CONNECTIONS = [
  "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID",
  "ARM_ADO_PIPELINE_SERVICE_CONNECTION_ID",
  "ARM_OIDC_AZURE_SERVICE_CONNECTION_ID",
];
const GITLAB = ["AZURE_ID_TOKEN", "ID_TOKEN", "API___AZUREADTOKENEXCHANGE_ID_TOKEN", "ARM_OIDC_TOKEN"];
const TERRAFORM = "TFC_WORKLOAD_IDENTITY_TOKEN";
const CIRCLECI = ["CIRCLE_OIDC_TOKEN_V2", "CIRCLE_OIDC_TOKEN"];
const BUILDKITE = ["BUILDKITE_JOB_ID", "BUILDKITE_AGENT_ACCESS_TOKEN"];
const VERCEL = ["VERCEL_OIDC_TOKEN_FILE", "VERCEL_OIDC_TOKEN"];
const AWS = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
const AWS_HOSTS = ["AWS_LAMBDA_FUNCTION_NAME", "AWS_EXECUTION_ENV"];
const GOOGLE = ["K_SERVICE", "FUNCTION_TARGET", "GCE_METADATA_HOST", "GCE_METADATA_IP"];
const ARM_TOKEN = "ARM_OIDC_TOKEN";

/**
 * The platforms, in the order of their detection: a token file first, a variable with a token last. Detection sends no
 * request.
 */
export const PLATFORMS: readonly Platform[] = [
  {
    name: "a token file",
    variables: [[AZURE_FILE, ARM_FILE]],
    identity: [AZURE_FILE, ARM_FILE],
    isLocal: true,
    load: async (options) => (await import("./from_token_file.ts")).fromTokenFile(undefined, options),
  },
  {
    name: "Azure Pipelines",
    variables: [["SYSTEM_OIDCREQUESTURI"]],
    identity: [...PIPELINES, ...CONNECTIONS],
    check: async (settings) => void (await import("./from_azure_pipelines.ts")).readJob({}, settings),
    load: async (options) => (await import("./from_azure_pipelines.ts")).fromAzurePipelines(options),
  },
  {
    name: "GitHub Actions",
    variables: [["GITHUB_ACTIONS", "ACTIONS_ID_TOKEN_REQUEST_URL"]],
    identity: GITHUB,
    check: async (settings) => (await import("./from_github_actions.ts")).requirePermission(settings),
    load: async (options) => (await import("./from_github_actions.ts")).fromGitHubActions(options),
  },
  {
    name: "GitLab",
    variables: [["GITLAB_CI"]],
    identity: GITLAB,
    isLocal: true,
    check: async (settings) => void (await import("./from_gitlab.ts")).findToken({}, settings),
    load: async (options) => (await import("./from_gitlab.ts")).fromGitLab(options),
  },
  {
    name: "HCP Terraform",
    variables: [[TERRAFORM]],
    identity: [TERRAFORM],
    isLocal: true,
    load: async (options) =>
      (await import("./from_environment_variable.ts")).fromEnvironmentVariable(TERRAFORM, options),
  },
  {
    name: "CircleCI",
    variables: [["CIRCLECI"]],
    identity: CIRCLECI,
    load: async (options) => (await import("./from_circleci.ts")).fromCircleCI(options),
  },
  {
    name: "Buildkite",
    variables: [["BUILDKITE"]],
    identity: BUILDKITE,
    load: async (options) => (await import("./from_buildkite.ts")).fromBuildkite(options),
  },
  {
    name: "Vercel",
    variables: [["VERCEL", ...VERCEL]],
    identity: ["VERCEL_ENV", "VERCEL_PROJECT_ID", "VERCEL_DEPLOYMENT_ID", ...VERCEL],
    load: async (options) => (await import("./from_vercel.ts")).fromVercel(options),
  },
  {
    name: "Fly.io",
    variables: [["FLY_MACHINE_ID"], ["FLY_APP_NAME"]],
    identity: ["FLY_APP_NAME", "FLY_MACHINE_ID"],
    load: async (options) => (await import("./from_fly.ts")).fromFly(options),
  },
  {
    name: "Google Cloud",
    variables: [GOOGLE],
    identity: GOOGLE,
    load: async (options) => (await import("./from_google_cloud.ts")).fromGoogleCloud(options),
  },
  {
    name: "AWS",
    variables: [AWS_HOSTS, ["AWS_ACCESS_KEY_ID"]],
    identity: [...AWS, "AWS_REGION", "AWS_DEFAULT_REGION"],
    load: async (options) => (await import("./from_aws.ts")).fromAws(options),
  },
  {
    name: `the variable ${ARM_TOKEN}`,
    variables: [[ARM_TOKEN]],
    identity: [ARM_TOKEN],
    isLocal: true,
    load: async (options) =>
      (await import("./from_environment_variable.ts")).fromEnvironmentVariable(ARM_TOKEN, options),
  },
];

/** All variables by which a platform is detected. */
export const PLATFORM_VARIABLES: readonly string[] = [
  ...new Set(PLATFORMS.flatMap(({ variables }) => variables.flat())),
];

/** Returns the first platform whose variables are set; `undefined` if there is none. */
export function findPlatform(env: (name: string) => string | undefined): Platform | undefined {
  return PLATFORMS.find(({ variables }) => variables.every((group) => group.some((name) => env(name)?.trim())));
}

/** Describes the platform that offers assertions, if there is one, and how `DefaultAzureCredential` uses it. */
export function describePlatform(env: (name: string) => string | undefined): string | undefined {
  const platform = findPlatform(env);
  // `WorkloadIdentityCredential` uses this file.
  if (!platform || env(AZURE_FILE)) return undefined;
  return `${platform.name} offers an identity to this program: set AZURE_TOKEN_CREDENTIALS=FederatedCredential, ` +
    "AZURE_TENANT_ID and AZURE_CLIENT_ID to use it";
}
