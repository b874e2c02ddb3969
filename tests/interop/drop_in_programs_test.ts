// Runs on: deno, node, bun
//
// Runs each program that was written for `@azure/identity` twice: unchanged, and with only its import changed. Both
// must print the same and send the same requests.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { startProgram } from "../support/child.ts";
import { type Cloud, CONTOSO, FABRIKAM, startCloud } from "../support/project/cloud.ts";
import type { KeyVaultOptions } from "../support/interop/key_vault.ts";

const PROGRAMS = fileURLToPath(new URL("../programs/", import.meta.url));
const CONFIG = fileURLToPath(new URL("../../deno.json", import.meta.url));

/** The names of the libraries, with the names that they send to the token service (`x-client-SKU`). */
const LIBRARIES = { "@azure/identity": "msal.js.node", "@azweb/identity": "azweb.identity" };

interface Case {
  /** A file of `programs/`. */
  readonly program: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The options of the vault. */
  readonly vault?: Partial<KeyVaultOptions>;
  /** The output of the program. */
  readonly prints: string;
  /** The error that the program prints, with each library or with both. Default: none. */
  readonly error?: RegExp | Readonly<Record<keyof typeof LIBRARIES, RegExp>>;
  /** The requests to the services, in order. */
  readonly asked: readonly string[];
}

const CLAIMS = { nbf: { essential: true, value: "1700000000" } };
const CP1 = '{"xms_cc":{"values":["cp1"]}}';
const FOR_STORAGE = `entra: a token of ${CONTOSO} for https://storage.azure.com/.default, claims ${CP1}: 200`;
const FOR_VAULT = `entra: a token of ${CONTOSO} for https://vault.azure.net/.default, claims ${CP1}: 200`;
const FOR_MODEL = `entra: a token of ${CONTOSO} for https://cognitiveservices.azure.com/.default, claims ${CP1}: 200`;
const FOR_CONFIGURATION = `entra: a token of ${CONTOSO} for https://appconfig.azure.com/.default, claims ${CP1}: 200`;
const ANONYMOUS = "vault: PUT /secrets/database-password without a token: 401";
const CHANGED = "database-password is now version 1\n";

const CASES: Readonly<Record<string, Case>> = {
  "storage": {
    program: "storage",
    prints: "january.csv: 19 bytes\ncity,orders\nUlm,12\n\n",
    asked: [
      FOR_STORAGE,
      "storage: PUT /devstoreaccount1/reports with token 1: 201",
      "storage: PUT /devstoreaccount1/reports/january.csv with token 1: 201",
      "storage: GET /devstoreaccount1/reports with token 1: 200",
      "storage: HEAD /devstoreaccount1/reports/january.csv with token 1: 200",
      "storage: GET /devstoreaccount1/reports/january.csv with token 1: 206",
      "storage: DELETE /devstoreaccount1/reports with token 1: 202",
    ],
  },
  "storage that refuses the token's audience": {
    program: "storage",
    env: { AZURE_CLIENT_ID: "another-audience" },
    prints: "",
    error: /^RestError: Server failed to authenticate the request/m,
    asked: [FOR_STORAGE, "storage: PUT /devstoreaccount1/reports with token 1: 403"],
  },
  "a key vault and its challenge": {
    program: "key_vault",
    prints: `${CHANGED}It is read back: s3cr3t\n`,
    asked: [
      ANONYMOUS,
      FOR_VAULT,
      "vault: PUT /secrets/database-password with token 1: 200",
      "vault: GET /secrets/database-password/ with token 1: 200",
    ],
  },
  "a key vault that asks for claims": {
    program: "key_vault",
    vault: { claims: JSON.stringify({ access_token: CLAIMS }) },
    prints: `${CHANGED}It is read back: s3cr3t\n`,
    asked: [
      ANONYMOUS,
      FOR_VAULT,
      "vault: PUT /secrets/database-password with token 1: 200",
      "vault: GET /secrets/database-password/ with token 1: 401",
      FOR_VAULT.replace(CP1, JSON.stringify({ ...CLAIMS, ...JSON.parse(CP1) })),
      "vault: GET /secrets/database-password/ with token 2: 200",
    ],
  },
  "a key vault of another tenant": {
    program: "key_vault",
    env: { OTHER_TENANTS: FABRIKAM },
    vault: { tenantId: FABRIKAM },
    prints: `${CHANGED}It is read back: s3cr3t\n`,
    asked: [
      ANONYMOUS,
      FOR_VAULT.replace(CONTOSO, FABRIKAM),
      "vault: PUT /secrets/database-password with token 1: 200",
      "vault: GET /secrets/database-password/ with token 1: 200",
    ],
  },
  "a key vault of another tenant, which is not allowed": {
    program: "key_vault",
    vault: { tenantId: FABRIKAM },
    prints: "",
    // The error of this library ends a chain.
    error: {
      "@azure/identity": /^CredentialUnavailableError: .*99999999-8888-7777-6666-555555555555/m,
      "@azweb/identity": /^AuthenticationError: .*99999999-8888-7777-6666-555555555555/m,
    },
    asked: [ANONYMOUS],
  },
  "a key vault that rejects the audience of the token": {
    program: "key_vault",
    env: { AZURE_CLIENT_ID: "another-audience" },
    prints: "",
    error: /^RestError: AKV10022: Invalid audience/m,
    asked: [ANONYMOUS, FOR_VAULT, "vault: PUT /secrets/database-password with token 1: 401"],
  },
  "a key vault whose challenge is for another domain": {
    program: "key_vault",
    vault: { resource: "https://vault.azure.cn" },
    prints: "",
    error: /^Error: The challenge resource 'vault\.azure\.cn' does not match the requested domain/m,
    asked: [ANONYMOUS],
  },
  "a table": {
    program: "tables",
    prints: "2026-01: 12\n2026-02: 15\n",
    asked: [
      FOR_STORAGE,
      "tables: POST /devstoreaccount1/Tables with token 1: 201",
      "tables: POST /devstoreaccount1/orders with token 1: 204",
      "tables: POST /devstoreaccount1/orders with token 1: 204",
      "tables: GET /devstoreaccount1/orders() with token 1: 200",
      "tables: DELETE /devstoreaccount1/Tables('orders') with token 1: 204",
    ],
  },
  "a table that refuses the token's audience": {
    program: "tables",
    env: { AZURE_CLIENT_ID: "another-audience" },
    prints: "",
    error: /^RestError: [^]*Invalid token audience/m,
    asked: [FOR_STORAGE, "tables: POST /devstoreaccount1/Tables with token 1: 403"],
  },
  "an App Configuration store": {
    program: "app_configuration",
    prints: "colour is green\n",
    asked: [
      FOR_CONFIGURATION,
      "configuration: PUT /kv/colour with token 1: 200",
      "configuration: GET /kv/colour with token 1: 200",
    ],
  },
  "an App Configuration store that rejects the audience of the token": {
    program: "app_configuration",
    env: { AZURE_CLIENT_ID: "another-audience" },
    prints: "",
    error: /^RestError: /m,
    asked: [FOR_CONFIGURATION, "configuration: PUT /kv/colour with token 1: 401"],
  },
  "a model": {
    program: "openai",
    prints: "You ask: What is a token?\nYou ask: And a claim?\n",
    asked: [
      FOR_MODEL,
      "model: POST /openai/deployments/our-model/chat/completions with token 1: 200",
      "model: POST /openai/deployments/our-model/chat/completions with token 1: 200",
    ],
  },
  "a model that rejects the audience of the token": {
    program: "openai",
    env: { AZURE_CLIENT_ID: "another-audience" },
    prints: "",
    error: /^Error: 401 Access denied: the audience is incorrect/m,
    asked: [FOR_MODEL, "model: POST /openai/deployments/our-model/chat/completions with token 1: 401"],
  },
};

/** The arguments with which the runtime runs a program of `programs/`. */
const RUN = "Deno" in globalThis ? ["run", "--quiet", "--allow-all", "--config", CONFIG] : [];

describe("a program for @azure/identity behaves the same with its import changed:", () => {
  const stops: (() => Promise<unknown>)[] = [];
  let folder: string;
  let cloud: Cloud;

  before(async () => {
    // Packages must resolve from the folder. On Node and Bun, they do so only in the project.
    folder = await mkdtemp(join("Deno" in globalThis ? tmpdir() : PROGRAMS, "changed-"));
    stops.push(() => rm(folder, { recursive: true }));
    cloud = await startCloud(folder);
    stops.push(cloud.stop);
  });

  after(async () => {
    for (const stop of stops.reverse()) await stop();
  });

  for (const [name, { program, env = {}, vault = {}, prints, error, asked }] of Object.entries(CASES)) {
    const needsToken = asked.some((line) => line.startsWith("entra: "));
    test(name, async () => {
      for (const [library, sentName] of Object.entries(LIBRARIES)) {
        cloud.reset(vault);
        const path = await pathOf(program, library);
        const { code, stdout, stderr } = await startProgram([process.execPath, ...RUN, path], {
          env: { ...cloud.env, ...env },
        }).ended;
        assert.deepEqual(
          { library, code, stdout, asked: cloud.asked, libraries: [...cloud.libraries] },
          { library, code: error ? 1 : 0, stdout: prints, asked, libraries: needsToken ? [sentName] : [] },
          stderr,
        );
        if (error) assert.match(stderr, error instanceof RegExp ? error : error[library as keyof typeof LIBRARIES]);
      }
    });
  }

  /** Returns the path of the program for a library. For `@azweb/identity`, writes the changed program first. */
  async function pathOf(program: string, library: string): Promise<string> {
    // The same extension as this file: `.ts`, or `.js` if the tests were transpiled.
    const file = program + /\.\w+$/.exec(import.meta.url)![0];
    if (library === "@azure/identity") return join(PROGRAMS, file);
    const parts = (await readFile(join(PROGRAMS, file), "utf8")).split('"@azure/identity"');
    assert.equal(parts.length, 2, `${file} must import @azure/identity once`);
    await writeFile(join(folder, file), parts.join('"@azweb/identity"'));
    return join(folder, file);
  }
});
