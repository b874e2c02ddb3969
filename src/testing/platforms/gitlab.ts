import { checkOptions, createPlatform, issueToken, type PlatformOptions, type SimulatedPlatform } from "./platform.ts";

/** Options of {@linkcode createGitLab}. */
export interface GitLabOptions extends PlatformOptions {
  /**
   * The audience of the token, which a real job sets below `id_tokens`.
   *
   * @default {"api://AzureADTokenExchange"}
   */
  readonly audience?: string;
}

/**
 * Creates a simulated job of GitLab CI/CD, with an ID token in the variable `AZURE_ID_TOKEN`.
 *
 * @param options See {@linkcode GitLabOptions}. The default subject is that of the branch `main` of a project.
 * @throws {TypeError} An option is unknown.
 *
 * @see https://docs.gitlab.com/ci/secrets/id_token_authentication/
 */
export async function createGitLab(options: GitLabOptions = {}): Promise<SimulatedPlatform> {
  checkOptions(options, "createGitLab", { audience: true });
  const { audience = "api://AzureADTokenExchange", subject = "project_path:contoso/app:ref_type:branch:ref:main" } =
    options;
  const spec = { ...options, issuer: "https://gitlab.com", subject, audience, lifetimeInS: 3600, env: {} };
  const env = { GITLAB_CI: "true", AZURE_ID_TOKEN: await issueToken(spec, audience) };
  return createPlatform({ ...spec, env });
}
