import type { AssertionSource, AssertionSourceOptions } from "../assertion_source.ts";
import type { Settings } from "../core/settings.ts";
import { checkOption, checkText } from "../core/validate.ts";
import { createSource } from "./create_source.ts";
import { notOffered, variable } from "./variables.ts";

/** Options of {@linkcode fromGitLab}. */
export interface GitLabSourceOptions extends AssertionSourceOptions {
  /**
   * The variable with the token, which `id_tokens` of the job defines. By default the first that is set of
   * `AZURE_ID_TOKEN`, `ID_TOKEN`, `API___AZUREADTOKENEXCHANGE_ID_TOKEN` and `ARM_OIDC_TOKEN`.
   */
  variable?: string | undefined;
}

const LABEL = "the assertion of GitLab";
/** The names that jobs use for the variable by convention. */
const GITLAB_VARIABLES: readonly string[] = [
  "AZURE_ID_TOKEN",
  "ID_TOKEN",
  "API___AZUREADTOKENEXCHANGE_ID_TOKEN",
  "ARM_OIDC_TOKEN",
];

/**
 * Returns a source of the ID tokens of a job in GitLab CI/CD. The job needs `id_tokens`, which determine the audience.
 *
 * @param options See {@linkcode GitLabSourceOptions}. `audience` is ignored.
 * @throws {TypeError} An option is malformed.
 *
 * @example With `id_tokens: { AZURE_ID_TOKEN: { aud: "api://AzureADTokenExchange" } }` in the job
 * ```ts no-eval
 * import { ClientAssertionCredential } from "@azweb/identity";
 * import { fromGitLab } from "@azweb/identity/federation";
 *
 * const credential = new ClientAssertionCredential("my-tenant-id", "my-client-id", fromGitLab());
 * ```
 *
 * @see https://docs.gitlab.com/ci/secrets/id_token_authentication/
 */
export function fromGitLab(options: GitLabSourceOptions = {}): AssertionSource {
  if (options.variable !== undefined) checkOption("variable", options.variable, checkText);
  const names = options.variable === undefined ? GITLAB_VARIABLES : [options.variable];
  return createSource({
    name: "fromGitLab",
    options: "variable",
    label: LABEL,
    variables: ["GITLAB_CI", ...names],
    ifExpired: "GitLab does not renew it: request the token early in the job, or raise the timeout of the job",
    // deno-lint-ignore require-await -- `get` must reject, not throw.
    get: async ({ settings }) => findToken(options, settings),
  }, options);
}

/** Returns the token of the job. Throws a `CredentialUnavailableError` if there is none. */
export function findToken(options: Pick<GitLabSourceOptions, "variable">, settings: Settings): string {
  const names = options.variable === undefined ? GITLAB_VARIABLES : [options.variable];
  const token = names.map((name) => variable(name, settings)).find((token) => token !== undefined);
  if (token !== undefined) return token;
  const isJob = variable("GITLAB_CI", settings) !== undefined;
  throw notOffered(
    LABEL,
    isJob ? `The job has no ${names.join(" or ")}` : `${names.join(", ")} and GITLAB_CI are not set`,
    `Add to the job in .gitlab-ci.yml:\n  id_tokens:\n    ${names[0]}:\n      aud: api://AzureADTokenExchange`,
  );
}
