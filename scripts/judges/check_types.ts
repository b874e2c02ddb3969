/**
 * Compiles programs in which a client of the Azure SDK, or of another library, gets a credential of this library.
 *
 * @module
 */
import { cp } from "node:fs/promises";
import { digestOf } from "../cached_folder.ts";
import { packedPackage } from "../packed_package.ts";
import { ROOT, run, runOrThrow } from "../run.ts";

/** The packages whose clients get a credential, with their versions. */
const PACKAGES: Readonly<Record<string, string>> = {
  "@azure-rest/ai-inference": "1.0.0-beta.6",
  "@azure/ai-projects": "2.2.0",
  "@azure/app-configuration": "1.12.1",
  "@azure/arm-resources": "7.0.0",
  "@azure/communication-email": "1.1.0",
  "@azure/cosmos": "4.9.3",
  "@azure/data-tables": "13.3.2",
  "@azure/event-hubs": "6.0.4",
  "@azure/eventgrid": "5.12.0",
  "@azure/keyvault-keys": "4.10.2",
  "@azure/keyvault-secrets": "4.11.2",
  "@azure/monitor-ingestion": "1.2.0",
  "@azure/monitor-query": "1.3.3",
  "@azure/search-documents": "13.0.0",
  "@azure/service-bus": "7.9.5",
  "@azure/storage-blob": "12.32.0",
  "@azure/storage-queue": "12.30.0",
  "@microsoft/microsoft-graph-client": "3.0.7",
  "openai": "6.49.0",
  "pg": "8.23.1",
};
/** The other packages that the programs need. */
const OTHERS = {
  "@microsoft/microsoft-graph-types": "2.43.1",
  "@types/node": "20.19.43",
  "@types/pg": "8.23.1",
  "jose": "6.2.17",
  "oauth4webapi": "3.8.8",
  "typescript": "5.9.3",
};

/** The programs by package. Each follows the declaration of `credential`. */
const PROGRAMS: Readonly<Record<keyof typeof PACKAGES, string>> = {
  "@azure-rest/ai-inference": `import createClient from "@azure-rest/ai-inference";
    // In CommonJS, the default export is a member.
    const create = createClient as unknown as typeof import("@azure-rest/ai-inference").default;
    void create("https://a.example", credential);`,
  "@azure/ai-projects": `import { AIProjectClient } from "@azure/ai-projects";
    void new AIProjectClient("https://a.example", credential);`,
  "@azure/app-configuration": `import { AppConfigurationClient } from "@azure/app-configuration";
    void new AppConfigurationClient("https://a.example", credential);`,
  "@azure/arm-resources": `import { ResourceManagementClient } from "@azure/arm-resources";
    void new ResourceManagementClient(credential, "a-subscription");`,
  "@azure/communication-email": `import { EmailClient } from "@azure/communication-email";
    void new EmailClient("https://a.example", credential);`,
  "@azure/cosmos": `import { CosmosClient } from "@azure/cosmos";
    void new CosmosClient({ endpoint: "https://a.example", aadCredentials: credential });`,
  "@azure/data-tables": `import { TableClient } from "@azure/data-tables";
    void new TableClient("https://a.example", "a_table", credential);`,
  "@azure/event-hubs": `import { EventHubProducerClient } from "@azure/event-hubs";
    void new EventHubProducerClient("a.example", "a-hub", credential);`,
  "@azure/eventgrid": `import { EventGridPublisherClient } from "@azure/eventgrid";
    void new EventGridPublisherClient("https://a.example", "EventGrid", credential);`,
  "@azure/keyvault-keys": `import { CryptographyClient, KeyClient } from "@azure/keyvault-keys";
    void [new KeyClient("https://a.example", credential), new CryptographyClient("https://a.example/keys/a", credential)];`,
  "@azure/keyvault-secrets": `import { SecretClient } from "@azure/keyvault-secrets";
    void new SecretClient("https://a.example", credential);`,
  "@azure/monitor-ingestion": `import { LogsIngestionClient } from "@azure/monitor-ingestion";
    void new LogsIngestionClient("https://a.example", credential);`,
  "@azure/monitor-query": `import { LogsQueryClient, MetricsQueryClient } from "@azure/monitor-query";
    void [new LogsQueryClient(credential), new MetricsQueryClient(credential)];`,
  "@azure/search-documents": `import { SearchClient, SearchIndexClient } from "@azure/search-documents";
    void [
      new SearchClient("https://a.example", "an-index", credential),
      new SearchIndexClient("https://a.example", credential),
    ];`,
  "@azure/service-bus": `import { ServiceBusClient } from "@azure/service-bus";
    void new ServiceBusClient("a.example", credential);`,
  "@azure/storage-blob": `import { BlobServiceClient } from "@azure/storage-blob";
    void new BlobServiceClient("https://a.example", credential);`,
  "@azure/storage-queue": `import { QueueServiceClient } from "@azure/storage-queue";
    void new QueueServiceClient("https://a.example", credential);`,
  "@microsoft/microsoft-graph-client": `import { Client } from "@microsoft/microsoft-graph-client";
    import { TokenCredentialAuthenticationProvider } from "@microsoft/microsoft-graph-client/authProviders/azureTokenCredentials/index.js";
    const scopes = ["https://graph.microsoft.com/.default"];
    const authProvider = new TokenCredentialAuthenticationProvider(credential, { scopes });
    void Client.initWithMiddleware({ authProvider });`,
  "openai": `import { getBearerTokenProvider } from "@azweb/identity";
    import { AzureOpenAI } from "openai";
    const azureADTokenProvider = getBearerTokenProvider(credential, "https://cognitiveservices.azure.com/.default");
    void new AzureOpenAI({ azureADTokenProvider, apiVersion: "2024-10-21", endpoint: "https://a.example" });`,
  "pg": `import pg from "pg";
    const scope = "https://ossrdbms-aad.database.windows.net/.default";
    void new pg.Pool({ host: "a.example", password: async () => (await credential.getToken(scope)).token });`,
};

/** The compiler options of each setting, with the file extension of the programs. */
const SETTINGS: Readonly<Record<string, readonly [extension: string, options: object]>> = {
  "strict, nodenext": ["mts", { module: "nodenext" }],
  "exact optional properties": ["mts", {
    module: "nodenext",
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noPropertyAccessFromIndexSignature: true,
    verbatimModuleSyntax: true,
  }],
  "bundler": ["ts", { module: "esnext", moduleResolution: "bundler", esModuleInterop: true }],
  "CommonJS, nodenext": ["cts", { module: "nodenext", esModuleInterop: true }],
  "CommonJS, node10": ["ts", { module: "commonjs", moduleResolution: "node10", esModuleInterop: true }],
};

const CACHE = `${ROOT}node_modules/.cache/azweb-identity-judges`;
const TEN_MINUTES = 600_000;

/** Compiles the programs. Prints a table, and returns the errors. */
export async function checkTypes(): Promise<string[]> {
  const folder = await installPackages();
  await Deno.remove(`${folder}/node_modules/@azweb`, { recursive: true }).catch(() => {});
  await cp(await packedPackage(), `${folder}/node_modules/@azweb/identity`, { recursive: true });
  const problems: string[] = [];
  console.log(`| package | ${Object.keys(SETTINGS).join(" | ")} |\n| --- |${" --- |".repeat(5)}`);
  const errors = await Promise.all(Object.entries(SETTINGS).map(([name, setting]) => compile(folder, name, setting)));
  for (const [index, [name, version]] of Object.entries(PACKAGES).entries()) {
    const found = errors.map((lines) => lines.filter((line) => line.startsWith(`${index}.`)));
    console.log(`| ${name} ${version} | ${found.map(({ length }) => length === 0 ? "ok" : "error").join(" | ")} |`);
  }
  for (const [index, setting] of Object.keys(SETTINGS).entries()) {
    for (const line of errors[index]!) problems.push(`types, ${setting}: ${line}`);
  }
  return problems;
}

async function installPackages(): Promise<string> {
  const dependencies = { ...PACKAGES, ...OTHERS };
  const folder = `${CACHE}/types-${await digestOf(dependencies)}`;
  if (await Deno.stat(`${folder}/complete`).then(() => true, () => false)) return folder;
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(`${folder}/package.json`, JSON.stringify({ private: true, dependencies }));
  const quiet = ["--loglevel=error", "--no-audit", "--no-fund", "--no-package-lock"];
  await runOrThrow("npm", ["install", "--ignore-scripts", "--prefer-offline", ...quiet], {
    cwd: folder,
    timeoutInMs: TEN_MINUTES,
  });
  await Deno.writeTextFile(`${folder}/complete`, "");
  return folder;
}

/** Returns the errors in the programs and in the types of this library. Those in other packages are ignored. */
async function compile(
  folder: string,
  name: string,
  [extension, options]: readonly [extension: string, options: object],
): Promise<string[]> {
  const source = `${folder}/${name.replace(/\W+/g, "-")}`;
  await Deno.mkdir(source, { recursive: true });
  for (const [index, program] of Object.values(PROGRAMS).entries()) {
    const text = `import { DefaultAzureCredential } from "@azweb/identity";
const credential = new DefaultAzureCredential();\n${program}\n`;
    await Deno.writeTextFile(`${source}/${index}.${extension}`, text);
  }
  const compilerOptions = { strict: true, target: "es2022", noEmit: true, types: ["node"], ...options };
  const tsconfig = { compilerOptions: { ...compilerOptions, skipLibCheck: false }, include: [`*.${extension}`] };
  await Deno.writeTextFile(`${source}/tsconfig.json`, JSON.stringify(tsconfig));
  const tsc = `${folder}/node_modules/typescript/bin/tsc`;
  const { code, stdout, stderr } = await run("node", [tsc, "--pretty", "false", "--project", source], {
    cwd: source,
    timeoutInMs: TEN_MINUTES,
  });
  const lines = stdout.split("\n").filter((line) => /error TS\d+/.test(line));
  if (code !== 0 && lines.length === 0) return [`tsc ended with ${code}: ${stdout}${stderr}`];
  return lines.filter((line) => !line.includes("node_modules/") || line.includes("node_modules/@azweb/"));
}
