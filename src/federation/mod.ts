/**
 * Sources of assertions: on a platform that issues signed tokens to its workloads, a program authenticates with them as
 * an app of Microsoft Entra, without a secret (workload identity federation). Each source is a function for
 * `ClientAssertionCredential`, here and in `@azure/identity`, for msal-node and for better-auth.
 *
 * @example In GitHub Actions, with the permission `id-token: write`
 * ```ts no-eval
 * import { ClientAssertionCredential } from "@azweb/identity";
 * import { fromGitHubActions } from "@azweb/identity/federation";
 *
 * // Created once, because credentials share tokens only if they have the same function.
 * const getAssertion = fromGitHubActions();
 * const credential = new ClientAssertionCredential("my-tenant-id", "my-client-id", getAssertion);
 * const { token } = await credential.getToken("https://storage.azure.com/.default");
 * ```
 *
 * @module
 */

export type { AssertionRequest, AssertionSource, AssertionSourceOptions } from "../assertion_source.ts";
export { type AwsSourceOptions, fromAws } from "./from_aws.ts";
export { type AzurePipelinesSourceOptions, fromAzurePipelines } from "./from_azure_pipelines.ts";
export { type BuildkiteSourceOptions, fromBuildkite } from "./from_buildkite.ts";
export { fromCircleCI } from "./from_circleci.ts";
export { type CommandSourceOptions, fromCommand } from "./from_command.ts";
export { fromCredential } from "./from_credential.ts";
export { type DenoDeploySourceOptions, fromDenoDeploy } from "./from_deno_deploy.ts";
export { fromEnvironmentVariable } from "./from_environment_variable.ts";
export { type FlySourceOptions, fromFly } from "./from_fly.ts";
export { fromGitHubActions } from "./from_github_actions.ts";
export { fromGitLab, type GitLabSourceOptions } from "./from_gitlab.ts";
export { fromGoogleCloud, type GoogleCloudSourceOptions } from "./from_google_cloud.ts";
export { fromPlatform } from "./from_platform.ts";
export {
  fromPrivateKey,
  type IssuerDocuments,
  issuerDocuments,
  type IssuerKey,
  type PrivateKeySourceOptions,
} from "./from_private_key.ts";
export { fromTokenFile } from "./from_token_file.ts";
export { fromVercel, type VercelSourceOptions } from "./from_vercel.ts";
export type { AwsCredentials } from "./sign_aws_request.ts";
