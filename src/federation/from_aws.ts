import type { AssertionSource, AssertionSourceOptions } from "../assertion_source.ts";
import { notNegative, type Settings } from "../core/settings.ts";
import { checkOption, checkText } from "../core/validate.ts";
import { AuthenticationError } from "../errors.ts";
import { call } from "./call.ts";
import { createSource } from "./create_source.ts";
import { requestAssertion } from "./request_assertion.ts";
import { type AwsCredentials, signAwsRequest } from "./sign_aws_request.ts";
import { checkCallbacks, isTokenText, notOffered, tokenInVariable, variable } from "./variables.ts";

const ACCESS_KEY_ID = "AWS_ACCESS_KEY_ID";
const SECRET_ACCESS_KEY = "AWS_SECRET_ACCESS_KEY";
const SESSION_TOKEN = "AWS_SESSION_TOKEN";
const REGIONS = ["AWS_REGION", "AWS_DEFAULT_REGION"];
/** The environment variables with the credentials of the role. */
const AWS_VARIABLES: readonly string[] = [ACCESS_KEY_ID, SECRET_ACCESS_KEY];

const LABEL = "the assertion of AWS";
const REGION = /^[a-z]{2,4}(-[a-z]{2,12}){1,4}-\d{1,2}$/;

/** Next steps, by the error code of the service. */
const ADVICE: Readonly<Record<string, string>> = {
  AccessDenied: "Allow the role the action sts:GetWebIdentityToken",
  OutboundWebIdentityFederationDisabledException:
    "Enable it once for the account: aws iam enable-outbound-web-identity-federation",
  SessionDurationEscalationException: 'The session of the role ends earlier: Lower "durationInSeconds"',
  ExpiredToken: "The credentials of the role have expired",
  InvalidClientTokenId: "The credentials of the role are invalid",
  SignatureDoesNotMatch: "Check the credentials of the role, and the clock of this machine",
};

/** Options of {@linkcode fromAws}. */
export interface AwsSourceOptions extends AssertionSourceOptions {
  /** The region of the endpoint. By default the variable `AWS_REGION`, else `AWS_DEFAULT_REGION`. */
  region?: string | undefined;
  /**
   * Returns the credentials of the role, such as `fromNodeProviderChain()` of `@aws-sdk/credential-providers`. Called
   * once for each assertion. By default the variables `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and
   * `AWS_SESSION_TOKEN`, which AWS Lambda sets.
   */
  credentials?: (() => AwsCredentials | Promise<AwsCredentials>) | undefined;
  /**
   * Signs the request (Signature Version 4, service `sts`): returns the request with its `Authorization` header, as
   * `AwsClient.sign` of `aws4fetch` does. By default `credentials` sign it.
   *
   * @param request The request, with its body.
   */
  sign?: ((request: Request) => Request | Promise<Request>) | undefined;
  /**
   * Lifetime of the assertion, in seconds, from 60 to 3600.
   *
   * @default {300}
   */
  durationInSeconds?: number | undefined;
}

/**
 * Returns a source of the tokens of an AWS role, by `sts:GetWebIdentityToken` (outbound identity federation). The role
 * needs that permission, and the account must have the federation enabled. The subject is the ARN of the role.
 *
 * @param options See {@linkcode AwsSourceOptions}.
 * @throws {TypeError} An option is malformed.
 *
 * @example In a function of AWS Lambda
 * ```ts no-eval
 * import { ClientAssertionCredential } from "@azweb/identity";
 * import { fromAws } from "@azweb/identity/federation";
 *
 * const credential = new ClientAssertionCredential("my-tenant-id", "my-client-id", fromAws());
 * ```
 *
 * @see https://docs.aws.amazon.com/STS/latest/APIReference/API_GetWebIdentityToken.html
 */
export function fromAws(options: AwsSourceOptions = {}): AssertionSource {
  const { region, credentials, sign, durationInSeconds } = options;
  if (region !== undefined) checkOption("region", region, checkRegion);
  checkCallbacks({ credentials, sign });
  const duration = notNegative("durationInSeconds", durationInSeconds, 300);
  return createSource({
    name: "fromAws",
    options: "region credentials sign durationInSeconds",
    label: LABEL,
    variables: [
      ...region === undefined ? REGIONS : [],
      ...credentials || sign ? [] : [...AWS_VARIABLES, SESSION_TOKEN],
    ],
    hasRequestedAudience: true,
    async get(context) {
      const { settings } = context;
      const url = endpointOf(region, settings);
      const body = new URLSearchParams({
        Action: "GetWebIdentityToken",
        Version: "2011-06-15",
        "Audience.member.1": context.audience,
        SigningAlgorithm: "RS256",
        DurationSeconds: String(duration),
      }).toString();
      const { headers, secrets } = await signRequest({ url, body }, options, settings);
      return await requestAssertion({
        label: LABEL,
        url,
        method: "POST",
        headers,
        body,
        secrets,
        read: ({ text }) => elementOf(text, "WebIdentityToken"),
        errorCode: (text) => elementOf(text, "Code"),
        advice({ text }) {
          const code = elementOf(text, "Code") ?? "";
          return Object.hasOwn(ADVICE, code) ? ADVICE[code] : undefined;
        },
      }, context);
    },
  }, options);
}

/** Returns the endpoint of the region. The global endpoint does not issue tokens. */
function endpointOf(option: string | undefined, settings: Settings): URL {
  const name = REGIONS.find((name) => variable(name, settings));
  const region = option ?? (name && variable(name, settings));
  if (region === undefined) throw notOffered(LABEL, "The variable AWS_REGION is not set", 'Set it, or pass "region"');
  try {
    checkRegion(region);
  } catch {
    throw new AuthenticationError(`Cannot use the variable ${name}: It must be the name of a region`);
  }
  return new URL(`https://sts.${region}.amazonaws.com${region.startsWith("cn-") ? ".cn" : ""}/`);
}

function checkRegion(region: string): void {
  checkText(region);
  if (region.length > 40 || !REGION.test(region)) throw new TypeError('Argument "region" must be the name of a region');
}

/** Returns the headers of the signed request, and the secrets that they and the credentials contain. */
async function signRequest(
  { url, body }: { readonly url: URL; readonly body: string },
  { credentials, sign }: AwsSourceOptions,
  settings: Settings,
): Promise<{ readonly headers: HeadersInit; readonly secrets: readonly string[] }> {
  const contentType = "application/x-www-form-urlencoded";
  if (sign) {
    const request = new Request(url, { method: "POST", headers: { "content-type": contentType }, body });
    const headers = await call(LABEL, "sign", async () => {
      const { headers } = Object(await sign(request)) as Partial<Request>;
      if (typeof headers?.has !== "function" || !headers.has("authorization")) {
        throw new TypeError('It must return a request with the header "Authorization"');
      }
      return headers;
    });
    const names = ["authorization", "x-amz-security-token"];
    return { headers, secrets: names.map((name) => headers.get(name) ?? "") };
  }
  const own = credentials
    ? await call(LABEL, "credentials", async () => checkCredentials(await credentials()))
    : credentialsIn(settings);
  const region = url.host.split(".")[1]!;
  const headers = await signAwsRequest({ url, contentType, body, region, service: "sts", now: settings.now() }, own);
  const { accessKeyId, secretAccessKey, sessionToken = "" } = own;
  return { headers, secrets: [accessKeyId, secretAccessKey, sessionToken, headers.authorization!] };
}

function credentialsIn(settings: Settings): AwsCredentials {
  const [accessKeyId, secretAccessKey, sessionToken] = [...AWS_VARIABLES, SESSION_TOKEN].map((name) =>
    tokenInVariable(name, settings)
  );
  if (accessKeyId && secretAccessKey) return { accessKeyId, secretAccessKey, sessionToken };
  throw notOffered(
    LABEL,
    `The variables ${AWS_VARIABLES.join(" and ")} are not set`,
    'Run the program with a role, as in AWS Lambda, or pass "credentials"',
  );
}

/** Returns the credentials. Throws a `TypeError` unless a request can be signed with them. */
function checkCredentials(credentials: AwsCredentials): AwsCredentials {
  const { accessKeyId, secretAccessKey, sessionToken = "" } = Object(credentials) as Partial<AwsCredentials>;
  if ([accessKeyId, secretAccessKey].every(isTokenText) && (sessionToken === "" || isTokenText(sessionToken))) {
    return credentials;
  }
  throw new TypeError(
    'It must return "accessKeyId", "secretAccessKey" and, of a session, "sessionToken", ' +
      "of printable ASCII characters without spaces",
  );
}

/** Returns the text of the first element with this name in an XML document. */
function elementOf(xml: string, name: string): string | undefined {
  const start = xml.indexOf(`<${name}>`);
  const end = xml.indexOf(`</${name}>`, start);
  return start < 0 || end < 0 ? undefined : xml.slice(start + name.length + 2, end).trim();
}
