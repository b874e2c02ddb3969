/**
 * Every source that sends a request to its platform. The module runs on all runtimes.
 *
 * @module
 */
import {
  fromAws,
  fromAzurePipelines,
  fromBuildkite,
  fromFly,
  fromGitHubActions,
  fromGoogleCloud,
  fromVercel,
} from "@azweb/identity/federation";
import { jsonAnswer } from "../service.ts";
import { jwtOf, type RequestingSource } from "./assertions.ts";

const VERCEL_TOKEN = jwtOf({ aud: "https://vercel.com/contoso", hush: "hush-hush" });

export const REQUESTING_SOURCES: readonly RequestingSource[] = [
  {
    name: "GitHub Actions",
    from: "fromGitHubActions",
    label: "the assertion of GitHub Actions",
    env: {
      GITHUB_ACTIONS: "true",
      ACTIONS_ID_TOKEN_REQUEST_URL: "https://run.actions.example/token?api-version=2.0",
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: "hush-hush",
    },
    create: fromGitHubActions,
    respond: (value) => jsonAnswer({ count: 1, value }),
    secrets: ["hush-hush"],
  },
  {
    name: "Azure Pipelines",
    from: "fromAzurePipelines",
    label: "the token of the service connection",
    env: {
      SYSTEM_OIDCREQUESTURI: "https://dev.azure.example/contoso/oidctoken",
      SYSTEM_ACCESSTOKEN: "hush-hush",
      AZURESUBSCRIPTION_SERVICE_CONNECTION_ID: "a-connection",
    },
    create: fromAzurePipelines,
    respond: (oidcToken) => jsonAnswer({ oidcToken }),
    hasOwnAudience: true,
    secrets: ["hush-hush"],
  },
  {
    name: "Vercel",
    from: "fromVercel",
    label: "the assertion of Vercel",
    env: { VERCEL: "1", VERCEL_OIDC_TOKEN: VERCEL_TOKEN },
    create: fromVercel,
    respond: (token) => jsonAnswer({ token, expiry: 1_893_499_200 }),
    secrets: [VERCEL_TOKEN],
  },
  {
    name: "Buildkite",
    from: "fromBuildkite",
    label: "the assertion of Buildkite",
    env: {
      BUILDKITE: "true",
      BUILDKITE_JOB_ID: "a/job",
      BUILDKITE_AGENT_ACCESS_TOKEN: "hush-hush",
      BUILDKITE_AGENT_ENDPOINT: "https://agent.buildkite.example/v3",
    },
    create: fromBuildkite,
    respond: (token) => jsonAnswer({ token }),
    secrets: ["hush-hush"],
  },
  {
    name: "AWS",
    from: "fromAws",
    label: "the assertion of AWS",
    env: {
      AWS_REGION: "eu-central-1",
      AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
      AWS_SECRET_ACCESS_KEY: "hush-hush",
      AWS_SESSION_TOKEN: "hush-hush-session",
    },
    create: fromAws,
    respond: (jwt) =>
      new Response(
        `<GetWebIdentityTokenResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetWebIdentityTokenResult>` +
          `<WebIdentityToken>${jwt}</WebIdentityToken><Expiration>2030-01-01T12:05:00Z</Expiration>` +
          "</GetWebIdentityTokenResult></GetWebIdentityTokenResponse>",
        { headers: { "content-type": "text/xml" } },
      ),
    secrets: ["hush-hush", "hush-hush-session", "AKIDEXAMPLE"],
  },
  {
    name: "Google Cloud",
    from: "fromGoogleCloud",
    label: "the assertion of Google Cloud",
    env: { K_SERVICE: "a-service", GCE_METADATA_HOST: "169.254.169.254" },
    create: fromGoogleCloud,
    respond: (jwt) => new Response(jwt, { headers: { "metadata-flavor": "Google" } }),
    secrets: [],
    isAmbient: true,
  },
  {
    name: "Google Cloud, from elsewhere",
    from: "fromGoogleCloud",
    label: "the assertion of Google Cloud",
    env: {},
    create: (options) =>
      fromGoogleCloud({
        ...options,
        serviceAccount: "app@project.iam.gserviceaccount.com",
        getAccessToken: () => Promise.resolve("hush-hush"),
      }),
    respond: (token) => jsonAnswer({ token }),
    secrets: ["hush-hush"],
    isAmbient: true,
  },
  {
    name: "Fly.io",
    from: "fromFly",
    label: "the assertion of Fly.io",
    env: { FLY_APP_NAME: "an-app", FLY_MACHINE_ID: "a-machine" },
    create: fromFly,
    respond: (jwt) => new Response(`${jwt}\n`),
    secrets: [],
  },
];
