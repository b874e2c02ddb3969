import type { AssertionSource, AssertionSourceOptions } from "../assertion_source.ts";
import { notNegative } from "../core/settings.ts";
import { checkOption, checkText } from "../core/validate.ts";
import { createSource } from "./create_source.ts";
import { member, requestAssertion } from "./request_assertion.ts";
import { notOffered, tokenInVariable, urlInVariable, variable } from "./variables.ts";

const ENDPOINT = "BUILDKITE_AGENT_ENDPOINT";
const JOB_ID = "BUILDKITE_JOB_ID";
const ACCESS_TOKEN = "BUILDKITE_AGENT_ACCESS_TOKEN";
/** The environment variables of a job. */
const BUILDKITE_VARIABLES: readonly string[] = [JOB_ID, ACCESS_TOKEN];

const LABEL = "the assertion of Buildkite";

/** Options of {@linkcode fromBuildkite}. */
export interface BuildkiteSourceOptions extends AssertionSourceOptions {
  /**
   * The claim that becomes the subject. Buildkite's own default is a subject that contains the commit, so that a
   * federated credential would match a single commit.
   *
   * @default {"pipeline_id"}
   */
  subjectClaim?: string | undefined;
  /** Lifetime of the assertion, in seconds. By default that of Buildkite, five minutes. */
  lifetimeInSeconds?: number | undefined;
}

/**
 * Returns a source of the OIDC tokens of a job in Buildkite.
 *
 * @param options See {@linkcode BuildkiteSourceOptions}.
 * @throws {TypeError} An option is malformed.
 *
 * @example
 * ```ts no-eval
 * import { ClientAssertionCredential } from "@azweb/identity";
 * import { fromBuildkite } from "@azweb/identity/federation";
 *
 * const credential = new ClientAssertionCredential("my-tenant-id", "my-client-id", fromBuildkite());
 * ```
 *
 * @see https://buildkite.com/docs/pipelines/security/oidc
 */
export function fromBuildkite(options: BuildkiteSourceOptions = {}): AssertionSource {
  const { subjectClaim = "pipeline_id", lifetimeInSeconds } = options;
  checkOption("subjectClaim", subjectClaim, checkText);
  notNegative("lifetimeInSeconds", lifetimeInSeconds, 0);
  return createSource({
    name: "fromBuildkite",
    options: "subjectClaim lifetimeInSeconds",
    label: LABEL,
    variables: [ENDPOINT, ...BUILDKITE_VARIABLES],
    hasRequestedAudience: true,
    async get(context) {
      const { audience, settings } = context;
      const missing = BUILDKITE_VARIABLES.filter((name) => !variable(name, settings));
      if (missing.length > 0) {
        const nextStep = "Run the program in a job of Buildkite, and pass its variables on to a container";
        throw notOffered(LABEL, `The variables ${missing.join(" and ")} are not set`, nextStep);
      }
      const base = variable(ENDPOINT, settings)
        ? urlInVariable(ENDPOINT, settings)
        : new URL("https://agent.buildkite.com/v3");
      const url = new URL(base);
      url.pathname = `${base.pathname.replace(/\/$/, "")}/jobs/${
        encodeURIComponent(variable(JOB_ID, settings)!)
      }/oidc/tokens`;
      const token = tokenInVariable(ACCESS_TOKEN, settings);
      return await requestAssertion({
        label: LABEL,
        url,
        method: "POST",
        headers: { accept: "application/json", authorization: `Token ${token}`, "content-type": "application/json" },
        body: JSON.stringify({
          audience,
          ...lifetimeInSeconds !== undefined && { lifetime: lifetimeInSeconds },
          subject_claim: subjectClaim,
        }),
        secrets: [token],
        read: member("token"),
        meanings: {
          401: "The access token of the job is invalid, as it is when the job has ended",
          422: `Buildkite refuses the parameters: is there a claim "${subjectClaim}"?`,
        },
      }, context);
    },
  }, options);
}
