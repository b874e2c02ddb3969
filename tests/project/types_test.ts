// Runs on: deno, node
//
// Type-checks the programs in `types/`: on Deno against the source, on Node against the declarations in the package, as
// in a project that uses the package.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("../types/", import.meta.url));
const CONFIG = fileURLToPath(new URL("../../deno.json", import.meta.url));
const PROXY = join(FOLDER, "proxy.mts");
const PROGRAMS = ["core_auth.mts", "drop_in.mts", "interfaces.mts", "misuse.mts", "undefined.mts"];

/** Typical configurations of projects. */
const CONFIGURATIONS = {
  "a strict project": { strict: true, module: "nodenext" },
  "a strict project with exact optional properties": {
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    module: "nodenext",
  },
  "a project with a bundler": { strict: true, module: "esnext", moduleResolution: "bundler" },
};

/** Configurations of projects with CommonJS files, whose imports become calls of `require()`. */
const COMMON_JS = {
  "with nodenext": { module: "nodenext" },
  "with commonjs": { module: "commonjs", moduleResolution: "node10" },
};

const IN_DENO = "Deno" in globalThis;

if (IN_DENO) {
  test("the programs compile, except for the lines that must not", async () => {
    assert.equal(await denoCheck(PROGRAMS.map((name) => join(FOLDER, name))), "");
  });

  test("the documentation has the code for a proxy that is type-checked", async () => {
    const page = await readFile(join(FOLDER, "../../docs/proxies-and-certificates.md"), "utf8");
    const [, ...lines] = (await readFile(PROXY, "utf8")).split("\n").slice(0, -3);
    const withoutBreaks = (text: string) => text.replace(/\s+/g, " ");
    assert.ok(withoutBreaks(page).includes(withoutBreaks(`${lines.join("\n")}\n\`\`\``)), lines.join("\n"));
  });

  test("a source of assertions fits @azure/identity, msal-node and better-auth", async () => {
    assert.equal(await denoCheck([join(FOLDER, "assertion_sources.mts")]), "");
  });

  for (const name of ["storage", "tables", "key_vault", "app_configuration", "openai"]) {
    test(`the program programs/${name}.ts compiles with @azweb/identity in place of @azure/identity`, async () => {
      const program = await readFile(join(FOLDER, `../programs/${name}.ts`), "utf8");
      await withProgram(program.replace('from "@azure/identity"', 'from "@azweb/identity"'), async (path) => {
        assert.equal(await check(path), "");
      });
    });
  }
} else {
  for (const [name, configuration] of Object.entries(CONFIGURATIONS)) {
    test(`the programs compile in ${name}, except for the lines that must not`, async () => {
      assert.equal(await compile(PROGRAMS.map((name) => join(FOLDER, name)), configuration), "");
    });
  }

  for (const [name, configuration] of Object.entries(CONFIGURATIONS)) {
    test(`the code for a proxy compiles in ${name}`, async () => {
      // The declarations of undici, which are not ours, are not checked.
      assert.equal(await compile([PROXY], { ...configuration, types: ["node"], skipLibCheck: true }), "");
    });
  }

  for (const [name, configuration] of Object.entries(COMMON_JS)) {
    test(`a CommonJS program compiles ${name}`, async () => {
      const program = `
      import { DefaultAzureCredential } from "@azweb/identity";
      import { ClientSecretCredential } from "@azweb/identity/client-secret-credential";
      import { createEntra } from "@azweb/identity/testing";
      const { fetch } = createEntra();
      const credential: DefaultAzureCredential = new DefaultAzureCredential({ fetch });
      void [credential, new ClientSecretCredential("tenant", "client", "secret", { fetch })];
    `;
      await withProgram(program, async (path) => {
        assert.equal(await compile([path], { strict: true, ...configuration }), "");
      }, "program.cts");
    });
  }
}

test("the program drop_in.mts compiles with @azure/identity in place of @azweb/identity", async () => {
  const program = await readFile(join(FOLDER, "drop_in.mts"), "utf8");
  await withProgram(program.replace('from "@azweb/identity"', 'from "@azure/identity"'), async (path) => {
    assert.equal(await check(path), "");
  });
});

test("options with the types of @azure/identity are accepted", async () => {
  assert.equal(await check(join(FOLDER, "their_options.mts")), "");
});

test("a type error in a program is found", async () => {
  await withProgram(
    'import { DefaultAzureCredential } from "@azweb/identity";\nnew DefaultAzureCredential(1);\n',
    async (path) => {
      assert.match(await check(path), /TS2345/);
    },
  );
});

function check(path: string): Promise<string> {
  return IN_DENO ? denoCheck([path]) : compile([path], CONFIGURATIONS["a strict project"]);
}

/** Returns the errors of the type checker, or an empty string. */
function denoCheck(paths: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, NO_COLOR: "1" } };
    execFile(process.execPath, ["check", "--quiet", "--config", CONFIG, ...paths], options, (error, stdout, stderr) => {
      resolve(error ? stdout + stderr || error.message : "");
    });
  });
}

/** Returns the errors of the type checker, or an empty string. */
async function compile(
  paths: string[],
  { module, moduleResolution, ...more }: Record<string, unknown>,
): Promise<string> {
  const { default: ts } = await import("typescript");
  const { options, errors } = ts.convertCompilerOptionsFromJson({
    module,
    moduleResolution: moduleResolution ?? module,
    target: "es2022",
    lib: ["es2022", "dom", "dom.iterable"],
    types: [],
    noEmit: true,
    // The declarations themselves are checked by one configuration above and by check_package.ts.
    skipLibCheck: true,
    ...more,
  }, FOLDER);
  const found = [...errors, ...ts.getPreEmitDiagnostics(ts.createProgram(paths, options))];
  return ts.formatDiagnostics(found, {
    getCanonicalFileName: String,
    getCurrentDirectory: () => FOLDER,
    getNewLine: () => "\n",
  });
}

/**
 * Writes a program to a folder from which its imports resolve, and calls `use` with its path. The folder is a temporary
 * one on Deno, and inside the project on Node.
 */
async function withProgram(
  text: string,
  use: (path: string) => Promise<void>,
  file = "program.mts",
): Promise<void> {
  const folder = await mkdtemp(join(IN_DENO ? tmpdir() : FOLDER, "types-"));
  try {
    const path = join(folder, file);
    await writeFile(path, text);
    await use(path);
  } finally {
    await rm(folder, { recursive: true });
  }
}
