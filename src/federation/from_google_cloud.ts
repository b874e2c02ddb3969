import type { AssertionSource, AssertionSourceOptions } from "../assertion_source.ts";
import { parseUrl } from "../core/url.ts";
import { checkOption, checkText } from "../core/validate.ts";
import { AuthenticationError } from "../errors.ts";
import { fetchDirectly } from "../runtime/direct_fetch.ts";
import { call } from "./call.ts";
import { createSource, type SourceContext } from "./create_source.ts";
import { member, requestAssertion } from "./request_assertion.ts";
import { checkCallbacks, HEADER_TEXT, isHeaderText, notOffered, variable } from "./variables.ts";

/** The environment variables with the host of the metadata server. */
const HOST_VARIABLES = ["GCE_METADATA_HOST", "GCE_METADATA_IP"];

const LABEL = "the assertion of Google Cloud";
const METADATA_FLAVOR = { "metadata-flavor": "Google" };
/** A DNS name or an IPv4 address, with or without a port. */
const HOST = /^[a-z\d][a-z\d.-]{0,251}(:\d{1,5})?$/i;

/** Options of {@linkcode fromGoogleCloud}. */
export interface GoogleCloudSourceOptions extends AssertionSourceOptions {
  /** The e-mail address of the service account. By default the machine's. Required with `getAccessToken`. */
  serviceAccount?: string | undefined;
  /**
   * Returns an access token of Google, for a program outside of Google Cloud: the IAM Credentials API then issues the
   * assertion for `serviceAccount`.
   */
  getAccessToken?: (() => Promise<string>) | undefined;
}

/**
 * Returns a source of the ID tokens of a Google service account: from the metadata server of Compute Engine, Cloud Run,
 * Functions and GKE, or with `getAccessToken` from the IAM Credentials API.
 *
 * @param options See {@linkcode GoogleCloudSourceOptions}.
 * @throws {TypeError} An option is malformed.
 *
 * @example
 * ```ts no-eval
 * import { ClientAssertionCredential } from "@azweb/identity";
 * import { fromGoogleCloud } from "@azweb/identity/federation";
 *
 * const credential = new ClientAssertionCredential("my-tenant-id", "my-client-id", fromGoogleCloud());
 * ```
 *
 * @see https://cloud.google.com/compute/docs/instances/verifying-instance-identity
 * @see https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateIdToken
 */
export function fromGoogleCloud(options: GoogleCloudSourceOptions = {}): AssertionSource {
  const { serviceAccount, getAccessToken } = options;
  if (serviceAccount !== undefined) checkOption("serviceAccount", serviceAccount, checkText);
  checkCallbacks({ getAccessToken });
  if (getAccessToken !== undefined && serviceAccount === undefined) {
    throw new TypeError('Option "getAccessToken" needs the option "serviceAccount"');
  }
  return createSource({
    name: "fromGoogleCloud",
    options: "serviceAccount getAccessToken",
    label: LABEL,
    variables: getAccessToken ? [] : HOST_VARIABLES,
    hasRequestedAudience: true,
    get: (context) =>
      getAccessToken
        ? generate(context, serviceAccount!, getAccessToken)
        : requestFromMetadata(context, serviceAccount ?? "default"),
  }, options);
}

async function requestFromMetadata(context: SourceContext, serviceAccount: string): Promise<string> {
  const { audience, settings } = context;
  const name = HOST_VARIABLES.find((name) => variable(name, settings));
  const host = name === undefined ? "metadata.google.internal" : variable(name, settings)!;
  const account = encodeURIComponent(serviceAccount);
  const url = parseUrl(`http://${host}/computeMetadata/v1/instance/service-accounts/${account}/identity`);
  // A host of these characters can still be malformed, such as one whose port is too large.
  if (!HOST.test(host.slice(0, 300)) || !url) {
    throw new AuthenticationError(`Cannot use the variable ${name}: It must be the name or address of a host`);
  }
  if (!settings.hasMetadataService()) {
    throw notOffered(LABEL, "This runtime has no metadata server", 'Pass "getAccessToken"');
  }
  url.searchParams.set("audience", audience);
  url.searchParams.set("format", "full");
  return await requestAssertion({
    label: LABEL,
    url,
    headers: METADATA_FLAVOR,
    secrets: [],
    fetch: settings.localFetch ?? fetchDirectly,
    // Another server may have the address.
    read: ({ headers, text }) => headers?.get("metadata-flavor") === "Google" ? text : undefined,
    advice: ({ status }) =>
      status === 404
        ? "Attach a service account to the machine, or to the Kubernetes service account of the pod"
        : status === 200
        ? "Another server has the address of Google's metadata server"
        : "Run the program on Google Cloud",
  }, context);
}

async function generate(
  context: SourceContext,
  serviceAccount: string,
  getAccessToken: () => Promise<string>,
): Promise<string> {
  const token = await call(LABEL, "getAccessToken", async () => {
    const token = await getAccessToken();
    if (!isHeaderText(token)) throw new TypeError(`It must return ${HEADER_TEXT}`);
    return token;
  });
  const account = encodeURIComponent(serviceAccount);
  return await requestAssertion({
    label: LABEL,
    url: new URL(
      `https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/${account}:generateIdToken`,
    ),
    method: "POST",
    headers: { accept: "application/json", authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ audience: context.audience, includeEmail: true }),
    secrets: [token],
    read: member("token"),
    meanings: { 403: 'The caller needs the role "roles/iam.serviceAccountOpenIdTokenCreator" of the service account' },
  }, context);
}
