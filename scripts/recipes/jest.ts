import type { Recipe } from "./recipe.ts";

const JEST = "30.5.2";
const VM_MODULES = "--experimental-vm-modules";
/** The body of a test. */
const TEST = `
test("a token", async () => {
  const entra = createEntra({ apps: [{ tenantId: "contoso.com", clientId: "my-app", secrets: ["my-secret"] }] });
  const env = { AZURE_TENANT_ID: "contoso.com", AZURE_CLIENT_ID: "my-app", AZURE_CLIENT_SECRET: "my-secret" };
  const credential = new DefaultAzureCredential({ env, fetch: entra.fetch });
  const { token } = await credential.getToken("https://vault.azure.net/.default");
  expect((await entra.verify(token)).appid).toBe("my-app");
});`;

export const jest: Recipe = {
  section: "Jest with ES modules",
  packages: { jest: JEST, jose: "6.2.17" },
  files: {
    "token.test.js": `
import { DefaultAzureCredential } from "@azweb/identity";
import { createEntra } from "@azweb/identity/testing";
${TEST}`,
  },
  async run({ node }) {
    await node([VM_MODULES, "node_modules/.bin/jest"]);
  },
};

export const jestCommonJs: Recipe = {
  section: "Jest with CommonJS",
  packages: { jest: JEST, "@swc/core": "1.16.22", "@swc/jest": "0.2.39", jose: "6.2.17" },
  files: {
    "token.test.js": `
const { DefaultAzureCredential } = require("@azweb/identity");
const { createEntra } = require("@azweb/identity/testing");
${TEST}`,
  },
  isCommonJs: true,
  async run({ node }) {
    await node(["node_modules/.bin/jest"]);
    await node([VM_MODULES, "node_modules/.bin/jest", "--config={}"]);
  },
};
