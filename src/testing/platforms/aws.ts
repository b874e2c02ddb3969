import { checkOptions, createPlatform, type PlatformOptions, type SimulatedPlatform } from "./platform.ts";

const REGION = "eu-central-1";
const ACCESS_KEY_ID = "ASIAEXAMPLE";

/**
 * Creates a simulated function of AWS Lambda whose role may call `sts:GetWebIdentityToken`. The signature of a request
 * is not verified.
 *
 * @param options See {@linkcode PlatformOptions}. The default subject is the ARN of a role.
 * @throws {TypeError} An option is unknown.
 *
 * @see https://docs.aws.amazon.com/STS/latest/APIReference/API_GetWebIdentityToken.html
 */
export function createAws(options: PlatformOptions = {}): SimulatedPlatform {
  checkOptions(options, "createAws");
  const { subject = "arn:aws:iam::123456789012:role/app" } = options;
  return createPlatform({
    ...options,
    issuer: "https://11111111-2222-3333-4444-555555555555.tokens.sts.global.api.aws",
    subject,
    lifetimeInS: 300,
    host: `sts.${REGION}.amazonaws.com`,
    env: {
      AWS_LAMBDA_FUNCTION_NAME: "app",
      AWS_REGION: REGION,
      AWS_ACCESS_KEY_ID: ACCESS_KEY_ID,
      AWS_SECRET_ACCESS_KEY: `secret-${crypto.randomUUID()}`,
      AWS_SESSION_TOKEN: `session-${crypto.randomUUID()}`,
    },
    async respond({ method, form, headers, issue }) {
      const isSigned = headers.authorization?.startsWith(`AWS4-HMAC-SHA256 Credential=${ACCESS_KEY_ID}/`);
      if (!isSigned) return failure(403, "MissingAuthenticationToken");
      const audience = form["Audience.member.1"];
      const isValid = method === "POST" && form.Action === "GetWebIdentityToken" && form.Version === "2011-06-15";
      if (!isValid || form.SigningAlgorithm !== "RS256" || !audience) return failure(400, "ValidationError");
      const token = `<WebIdentityToken>${await issue(audience)}</WebIdentityToken>`;
      const result = `<GetWebIdentityTokenResult>${token}</GetWebIdentityTokenResult>`;
      return xml(200, `<GetWebIdentityTokenResponse>${result}</GetWebIdentityTokenResponse>`);
    },
  });
}

function failure(status: number, code: string): Response {
  return xml(status, `<ErrorResponse><Error><Code>${code}</Code></Error></ErrorResponse>`);
}

function xml(status: number, body: string): Response {
  return new Response(body, { status, headers: { "content-type": "text/xml" } });
}
