/**
 * Every source that sends a request to its platform: portable.
 *
 * @module
 */
import { fromAzurePipelines, fromGitHubActions } from "@azweb/identity/federation";
import { jsonAnswer } from "../service.ts";
import type { RequestingSource } from "./assertions.ts";

export const REQUESTING_SOURCES: readonly RequestingSource[] = [
  {
    name: "GitHub Actions",
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
    label: "the token of the service connection",
    env: {
      SYSTEM_OIDCREQUESTURI: "https://dev.azure.example/contoso/oidctoken",
      SYSTEM_ACCESSTOKEN: "hush-hush",
      AZURESUBSCRIPTION_SERVICE_CONNECTION_ID: "a-connection",
    },
    create: fromAzurePipelines,
    respond: (oidcToken) => jsonAnswer({ oidcToken }),
    secrets: ["hush-hush"],
  },
];
