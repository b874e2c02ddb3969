// Runs on: deno
// The two builds of the npm package: how many files the general build loads, which bundles get the edge build, and
// which code the edge build lacks.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { build, stop } from "esbuild";
import { withoutDynamicImports } from "../../scripts/edge_modules.ts";
import { packedPackage } from "../../scripts/packed_package.ts";

/** Code that needs a runtime with files, programs and servers. */
const SYSTEM_CODE = /getBuiltinModule|Deno\.(Command|readTextFile|permissions)|sessionStorage/;

/** With more files, Node would spend more time on finding them than on running them. */
const MAX_FILES = 10;

describe("the package", () => {
  let subpaths: string[];
  let folder: string;

  before(async () => {
    folder = await packedPackage();
    const manifest = JSON.parse(await Deno.readTextFile(`${folder}/package.json`));
    subpaths = Object.keys(manifest.exports);
  });

  after(() => stop());

  async function bundle(condition: string): Promise<string> {
    const imports = subpaths.map((subpath, index) =>
      `export * as a${index} from "@azweb/identity${subpath.slice(1)}";`
    );
    const { outputFiles } = await build({
      stdin: { contents: imports.join("\n"), resolveDir: folder },
      bundle: true,
      conditions: [condition],
      external: ["jose", "node-forge", "oauth4webapi"],
      format: "esm",
      logLevel: "silent",
      platform: "neutral",
      write: false,
    });
    return outputFiles[0]!.text;
  }

  test("is loaded from few files", async () => {
    const { metafile: { inputs } } = await build({
      absWorkingDir: folder,
      bundle: true,
      entryPoints: ["mod.js"],
      format: "esm",
      metafile: true,
      packages: "external",
      write: false,
    });
    const loaded = new Set(["mod.js"]);
    for (const path of loaded) {
      for (const { external, kind, path: next } of inputs[path]!.imports) {
        if (kind === "import-statement" && !external) loaded.add(next);
      }
    }
    assert.ok(loaded.size > 1 && loaded.size <= MAX_FILES, [...loaded].join(", "));
  });

  for (const condition of ["workerd", "edge-light"]) {
    test(`has no code for files, programs and servers in a bundle on the condition "${condition}"`, async () => {
      const code = await bundle(condition);
      assert.doesNotMatch(code, SYSTEM_CODE);
      // Only import() of optional packages remains, and of PKCS#12, whose name is in a variable so that no bundler
      // resolves it.
      const imports = [...code.matchAll(/import\(\s*(?:\/\*.*?\*\/\s*)*([^)\s]*)\s*\)/g)].map(([, name]) => name);
      assert.deepEqual(imports.sort(), ['"jose"', '"node-forge"', "MODULE"]);
    });
  }

  for (const condition of ["browser", "node", "import"]) {
    test(`has the code for files, programs and servers in a bundle on the condition "${condition}"`, async () => {
      assert.match(await bundle(condition), SYSTEM_CODE);
    });
  }
});

describe("a bundle is as large with an import from the root as with one from a subpath", () => {
  /** Bytes by which the names that a bundler chooses may differ. */
  const NAMES = 100;
  let folder: string;

  before(async () => {
    folder = await packedPackage();
  });

  after(() => stop());

  async function sizeOf(name: string, from: string, conditions: string[]): Promise<number> {
    const { outputFiles } = await build({
      stdin: { contents: `import { ${name} } from "${from}"; console.log(${name});`, resolveDir: folder },
      ...{ bundle: true, conditions, external: ["node-forge"], format: "esm" as const, minify: true },
      ...{ platform: "neutral" as const, mainFields: ["module", "main"], write: false as const },
    });
    return outputFiles[0]!.contents.length;
  }

  for (const condition of ["import", "workerd"]) {
    for (const name of ["ClientSecretCredential", "ManagedIdentityCredential", "InteractiveBrowserCredential"]) {
      test(`${name} on the condition "${condition}"`, async () => {
        const subpath = name.replace(/(?<=.)([A-Z])/g, "-$1").toLowerCase();
        const root = await sizeOf(name, "@azweb/identity", [condition]);
        const own = await sizeOf(name, `@azweb/identity/${subpath}`, [condition]);
        assert.ok(own > 10_000 && Math.abs(root - own) <= NAMES, `${root}, ${own}`);
      });
    }
  }
});

describe("withoutDynamicImports", () => {
  test("imports each name once, at the top", () => {
    const code = [
      "async function a() {",
      '  const { b } = await import("./b.js");',
      '  return b() + (await import("./b.js")).b() + (await import("../c.js")).c;',
      "}",
    ];
    const expected = [
      'import { b } from "./b.js";',
      'import { c } from "../c.js";',
      "async function a() {",
      "",
      "  return b() + b() + c;",
      "}",
    ];
    assert.equal(withoutDynamicImports(code.join("\n")), expected.join("\n"));
  });

  test("does not change the import() of a package", () => {
    const code = 'const forge = (await import("node-forge")).default;';
    assert.equal(withoutDynamicImports(code), code);
  });

  test("throws for an import() in another form", () => {
    assert.throws(() => withoutDynamicImports('return await import("./a.js");'), /Cannot make the edge build/);
    assert.throws(() => withoutDynamicImports('void import("./a.js");'), /Cannot make the edge build/);
  });
});
