import type { AssertionSource, AssertionSourceOptions } from "../assertion_source.ts";
import type { Settings } from "../core/settings.ts";
import { createSource } from "./create_source.ts";
import { member, requestAssertion } from "./request_assertion.ts";
import { notOffered, tokenInVariable, urlInVariable, variable } from "./variables.ts";

const REQUEST_URL = "ACTIONS_ID_TOKEN_REQUEST_URL";
const REQUEST_TOKEN = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";

const LABEL = "the assertion of GitHub Actions";
/** The environment variables of a job that may request tokens. */
const GITHUB_VARIABLES: readonly string[] = [REQUEST_URL, REQUEST_TOKEN];

/**
 * Returns a source of the OIDC tokens of a job in GitHub Actions, and in Forgejo Actions. The job needs the permission
 * `id-token: write`.
 *
 * @param options See {@linkcode AssertionSourceOptions}.
 * @throws {TypeError} An option is malformed.
 *
 * @example
 * ```ts no-eval
 * import { ClientAssertionCredential } from "@azweb/identity";
 * import { fromGitHubActions } from "@azweb/identity/federation";
 *
 * const credential = new ClientAssertionCredential("my-tenant-id", "my-client-id", fromGitHubActions());
 * const { token } = await credential.getToken("https://storage.azure.com/.default");
 * ```
 *
 * @see https://docs.github.com/actions/reference/security/oidc
 */
export function fromGitHubActions(options: AssertionSourceOptions = {}): AssertionSource {
  return createSource({
    name: "fromGitHubActions",
    label: LABEL,
    variables: ["GITHUB_ACTIONS", ...GITHUB_VARIABLES],
    hasRequestedAudience: true,
    async get(context) {
      const { audience, settings } = context;
      requirePermission(settings);
      // The URL has a query already.
      const url = urlInVariable(REQUEST_URL, settings);
      url.searchParams.set("audience", audience);
      const token = tokenInVariable(REQUEST_TOKEN, settings);
      return await requestAssertion({
        label: LABEL,
        url,
        headers: { accept: "application/json", authorization: `Bearer ${token}` },
        secrets: [token],
        read: member("value"),
        meanings: {
          401: "The request token is invalid or has expired, as it does when the job has ended",
          403: 'The job may not request an identity token: check the permission "id-token: write"',
        },
      }, context);
    },
  }, options);
}

/** Throws a `CredentialUnavailableError` if the job may not request tokens. */
export function requirePermission(settings: Settings): void {
  if (GITHUB_VARIABLES.every((name) => variable(name, settings))) return;
  throw variable("GITHUB_ACTIONS", settings)
    ? notOffered(
      LABEL,
      "The job may not request an identity token",
      "Add to the job or the workflow:\n  permissions:\n    contents: read\n    id-token: write\n" +
        'A pull request from a fork cannot have it. On Forgejo, add "enable-openid-connect: true" instead',
    )
    : notOffered(
      LABEL,
      `The variables ${GITHUB_VARIABLES.join(" and ")} are not set`,
      'Run the program in a job of GitHub Actions with the permission "id-token: write"',
    );
}
