import type { AssertionSource, AssertionSourceOptions } from "../assertion_source.ts";
import { resolveSettings } from "../core/settings.ts";
import { programRunner } from "../runtime/process.ts";
import { createSource } from "./create_source.ts";
import { runCommand } from "./from_command.ts";
import { notOffered, variable } from "./variables.ts";

/** The environment variables with a token of the job, whose audience is the id of the organization. */
const CIRCLECI_VARIABLES: readonly string[] = ["CIRCLE_OIDC_TOKEN_V2", "CIRCLE_OIDC_TOKEN"];

const LABEL = "the assertion of CircleCI";

/**
 * Returns a source of the OIDC tokens of a job in CircleCI. The program `circleci` of the job issues them for the
 * audience. A runtime that cannot start programs uses the token in `CIRCLE_OIDC_TOKEN_V2` or `CIRCLE_OIDC_TOKEN`, whose
 * audience is the id of the organization.
 *
 * The subject contains the id of the user who triggered the pipeline, so that each user needs a federated credential.
 *
 * @param options See {@linkcode AssertionSourceOptions}.
 * @throws {TypeError} An option is malformed.
 *
 * @example
 * ```ts no-eval
 * import { ClientAssertionCredential } from "@azweb/identity";
 * import { fromCircleCI } from "@azweb/identity/federation";
 *
 * const credential = new ClientAssertionCredential("my-tenant-id", "my-client-id", fromCircleCI());
 * ```
 *
 * @see https://circleci.com/docs/guides/permissions-authentication/oidc-tokens-with-custom-claims/
 */
export function fromCircleCI(options: AssertionSourceOptions = {}): AssertionSource {
  const settings = resolveSettings(options, "fromCircleCI", "audience");
  const canRun = programRunner(options.runtime) !== undefined;
  return createSource(
    {
      label: LABEL,
      variables: ["CIRCLECI", ...CIRCLECI_VARIABLES, ...canRun ? ["PATH"] : []],
      hasRequestedAudience: canRun,
      ifExpired: "CircleCI does not renew it: request the token within an hour",
      async get({ audience, signal }) {
        const token = CIRCLECI_VARIABLES.map((name) => variable(name, settings)).find((token) => token !== undefined);
        if (token === undefined) {
          throw notOffered(
            LABEL,
            `The variables ${CIRCLECI_VARIABLES.join(" and ")} are not set`,
            "Run the program in a job of CircleCI that is not of a forked pull request",
          );
        }
        if (!canRun) return token;
        const args = ["run", "oidc", "get", "--claims", JSON.stringify({ aud: audience })];
        return await runCommand(LABEL, { command: "circleci", args, options, settings, signal });
      },
    },
    options,
    settings,
  );
}
