// Runs on: deno
/// <reference lib="deno.unstable" />

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { checkCredentials, checkSources } from "../../scripts/check_coverage.ts";
import { checkDocs, PAGES } from "../../scripts/check_docs.ts";
import { findExamples, runExample } from "../../scripts/check_examples.ts";
import { checkExports, type Project } from "../../scripts/check_exports.ts";
import { checkLayers, type Import, listFiles, readImports } from "../../scripts/check_layers.ts";
import { checkWords } from "../../scripts/check_words.ts";
import { bundle, checkEntries, checkModules, checkSizes, type Entry, type Part } from "../../scripts/check_size.ts";
import { stop } from "esbuild";
import plugin from "../../scripts/lint_plugin.ts";
import { countsOf } from "../../scripts/ok.ts";
import type { Problem } from "../../scripts/problem.ts";
import { ROOT } from "../../scripts/run.ts";

describe("Lint plugin", () => {
  const cases: [file: string, code: string, rule: string | undefined][] = [
    ["src/core/a.ts", "export const home = Deno.cwd();", "platform-in-runtime"],
    ["src/core/a.ts", "export const { process } = globalThis as never;", "platform-in-runtime"],
    ["src/core/a.ts", 'export const env = (globalThis as never)["process"];', "platform-in-runtime"],
    ["src/a.ts", 'export const fs = x.getBuiltinModule("node:fs");', "platform-in-runtime"],
    ["src/runtime/a.ts", "export const home = Deno.cwd();", undefined],
    ["scripts/a.ts", "export const home = Deno.cwd();", undefined],
    ["src/core/a.ts", '// Deno.cwd()\nexport const text = "Deno and process";', undefined],
    ["src/a.ts", "console.log(1);", "no-console"],
    ["src/runtime/a.ts", "globalThis.console.error(1);", "no-console"],
    ["scripts/a.ts", "console.log(1);", undefined],
    ["src/a.ts", "export default 1;", "no-default-export"],
    ["src/a.ts", "const a = 1;\nexport { a as default };", "no-default-export"],
    ["src/a.ts", "class A {}\nexport class B extends A {}", "no-inheritance"],
    ["src/a.ts", 'import { AError } from "./e.ts";\nexport class B extends AError {}', "no-inheritance"],
    ["src/a.ts", "export const B = class extends mixin(Error) {};", "no-inheritance"],
    ["src/a.ts", "export class B extends Error {}", undefined],
    ["src/a.ts", "export class B extends TypeError {}", undefined],
    ["tests/a.ts", "export const twice = (n: number) => 2 * n;", "top-level-function"],
    ["src/a.ts", "const twice = (n: number) => 2 * n;", "top-level-function"],
    ["src/a.ts", "const twice: Twice = (n) => 2 * n;", undefined],
    ["src/a.ts", "export function twice(n: number) { const f = () => 2 * n; return f(); }", undefined],
    ["mod.ts", 'export * from "./src/a.ts";\nexport const a = 1;', "mod-re-exports"],
    ["src/testing/mod.ts", 'import "./a.ts";', "mod-re-exports"],
    ["src/a.ts", "export const first = text.split(/\\s*Trace ID:/)[0];", "linear-regexp"],
    ["src/a.ts", 'export const path = text.replace(/\\/+$/, "");', "linear-regexp"],
    ["src/a.ts", 'export const text = given.replace(/^[ \\t]+|[ \\t]+$/g, "");', "linear-regexp"],
    ["src/a.ts", "export const isMacro = /\\$\\(.+\\)/.test(text);", "linear-regexp"],
    ["src/a.ts", "export const isPair = /<b>.*<.b>/.test(text);", "linear-regexp"],
    ["src/a.ts", "export const isList = /^(\\w+,?)*$/.test(text);", "linear-regexp"],
    ["src/a.ts", "export const isLong = /^a*a*$/.test(text);", "linear-regexp"],
    ["src/a.ts", "export const isValue = /(?<=[?&]\\w+=)x/.test(text);", "linear-regexp"],
    ["src/a.ts", "export const isNumber = new RegExp(text).test(other);", "linear-regexp"],
    ["src/a.ts", "export const isNumber = RegExp(text).test(other);", "linear-regexp"],
    ["scripts/a.ts", "export const first = text.split(/\\s*Trace ID:/)[0];", undefined],
    ["src/a.ts", 'export const isQuoted = /^"(.*)"$/.test(text);', undefined],
    ["src/a.ts", "export const isBlock = /-----BEGIN A-----([^-]*)-----END A-----/.test(text);", undefined],
    ["src/a.ts", 'export const line = text.replace(/\\s+/g, " ");', undefined],
    ["src/a.ts", "export const isAddress = /:|^[\\d.]+$/.test(text);", undefined],
    ["src/a.ts", "export const isToken = /(?<![\\w-])[\\w-]{40,}( [\\w-]{16,})+/.test(text);", undefined],
    ["mod.ts", '/** Doc. */\nexport * from "./src/a.ts";\nexport type { B } from "./src/b.ts";', undefined],
    ["src/a.ts", "export interface Awaited { readonly missing?: string }", "no-shadowed-global"],
    ["src/a.ts", "export type Request = string;", "no-shadowed-global"],
    ["src/a.ts", "export interface TokenRequest { readonly scopes: string }", undefined],
    ["tests/a_test.ts", "await assert.rejects(call());", "expected-error"],
    ["tests/support/a.ts", 'await assert.rejects(call(), "It must fail");', "expected-error"],
    ["tests/a_test.ts", "await assert.rejects(\n  call(),\n);", "expected-error"],
    ["tests/a_test.ts", "assert.throws(() => {});", "expected-error"],
    ["tests/a_test.ts", "await assert.rejects(call(), TypeError);", undefined],
    ["tests/a_test.ts", "await assert.rejects(call(), /late/);", undefined],
    ["tests/a_test.ts", 'await assert.rejects(call(), { name: "AbortError" });', undefined],
    ["scripts/a.ts", "await assert.rejects(call());", undefined],
  ];
  for (const [file, code, rule] of cases) {
    test(`reports ${rule ?? "nothing"} for ${file}: ${code.replaceAll("\n", " ")}`, () => {
      const found = new Set(Deno.lint.runPlugin(plugin, ROOT + file, code).map(({ id }) => id));
      assert.deepEqual([...found], rule ? [`azweb/${rule}`] : []);
    });
  }
});

describe("check_layers", () => {
  const cases: [from: string, kind: Import["kind"], to: string, allowed: boolean][] = [
    ["mod.ts", "value", "src/credentials/a_credential.ts", true],
    ["mod.ts", "value", "src/core/a.ts", false],
    ["src/options.ts", "type", "src/runtime/runtime.ts", true],
    ["src/options.ts", "type", "src/runtime/env.ts", false],
    ["src/errors.ts", "value", "src/core/a.ts", false],
    ["src/runtime/env.ts", "value", "src/core/a.ts", false],
    ["src/runtime/files.ts", "value", "node:fs", false],
    ["src/runtime/files.ts", "dynamic", "node:fs", false],
    ["src/runtime/files.ts", "type", "node:fs", false],
    ["src/core/settings.ts", "value", "src/runtime/env.ts", true],
    ["src/core/scopes.ts", "value", "src/runtime/env.ts", false],
    ["src/core/scopes.ts", "type", "src/runtime/runtime.ts", true],
    ["src/core/scopes.ts", "value", "src/runtime/runtime.ts", false],
    ["src/core/scopes.ts", "value", "oauth4webapi", false],
    ["src/entra/a.ts", "value", "oauth4webapi", true],
    ["src/entra/a.ts", "value", "jose", false],
    ["src/entra/a.ts", "dynamic", "jose", false],
    ["src/sign_in/a.ts", "value", "src/certificates/a.ts", false],
    ["src/federation/a.ts", "value", "src/certificates/a.ts", true],
    ["src/entra/a.ts", "value", "src/credentials/a_credential.ts", false],
    ["src/managed_identity/a.ts", "value", "src/entra/a.ts", false],
    ["src/developer_tools/a.ts", "value", "src/entra/a.ts", false],
    ["src/credentials/a_credential.ts", "value", "oauth4webapi", false],
    ["src/credentials/a_credential.ts", "value", "src/credentials/b_credential.ts", false],
    ["src/credentials/a_credential.ts", "type", "src/credentials/b_credential.ts", false],
    ["src/credentials/default_azure_credential.ts", "value", "src/credentials/b_credential.ts", true],
    ["src/testing/a.ts", "value", "jose", false],
    ["src/testing/a.ts", "dynamic", "jose", true],
    ["src/testing/a.ts", "value", "src/core/scopes.ts", false],
    ["src/testing/a.ts", "value", "src/credentials/a_credential.ts", false],
    ["src/pkcs12.ts", "dynamic", "node-forge", true],
    ["src/pkcs12.ts", "value", "node-forge", false],
    ["src/options.ts", "value", "left-pad", false],
  ];
  for (const [from, kind, to, allowed] of cases) {
    test(`${from} ${allowed ? "may" : "may not"} import ${to} (${kind})`, () => {
      const problems = checkLayers([{ from, line: 7, to, kind }], [], []);
      assert.deepEqual(problems.map(({ where }) => where), allowed ? [] : [`${from}:7`]);
    });
  }

  test("reports a cycle, including type imports", () => {
    const imports: Import[] = [
      { from: "src/core/a.ts", line: 1, to: "src/core/b.ts", kind: "value" },
      { from: "src/core/b.ts", line: 2, to: "src/core/c.ts", kind: "type" },
      { from: "src/core/c.ts", line: 3, to: "src/core/a.ts", kind: "value" },
    ];
    assert.deepEqual(checkLayers(imports, [], []), [
      {
        where: "src/core/c.ts:3",
        what: "Import cycle: src/core/a.ts -> src/core/b.ts -> src/core/c.ts -> src/core/a.ts",
      },
    ]);
  });

  test("reports a file without a layer and an unreachable file", () => {
    assert.deepEqual(checkLayers([], ["src/newer/a.ts", "src/a.ts", "src/b.ts"], ["src/newer/a.ts", "src/a.ts"]), [
      { where: "src/newer/a.ts", what: "The file belongs to no layer" },
      { where: "src/b.ts", what: "No export leads to the file" },
    ]);
  });

  test("reads the module graph: types, values, dynamic imports and packages, with their lines", async () => {
    await inFolder({
      "mod.ts": '/** import "./no.ts"; */\nexport type { A } from "./src/a.ts";\nexport { b } from "./src/b.ts";\n',
      "src/a.ts": 'export type A = import("./b.ts").B;\n',
      "src/b.ts":
        'export type B = 1;\nexport const b = () => import("./c.ts");\nexport const e = () => import("node:fs");\n',
      "src/c.ts": 'import "./d.ts";\n',
      "src/d.ts": "",
    }, async (folder) => {
      const imports = await readImports(folder, ["mod.ts"]);
      assert.deepEqual(imports.map(({ from, line, kind, to }) => `${from}:${line} ${kind} ${to}`).sort(), [
        "mod.ts:2 type src/a.ts",
        "mod.ts:3 value src/b.ts",
        "src/a.ts:1 type src/b.ts",
        "src/b.ts:2 dynamic src/c.ts",
        "src/b.ts:3 dynamic node:fs",
        "src/c.ts:1 value src/d.ts",
      ]);
      assert.deepEqual(await listFiles(folder, "src"), ["src/a.ts", "src/b.ts", "src/c.ts", "src/d.ts"]);
    });
    const packages = (await readImports(ROOT, ["src/pkcs12.ts"])).filter(({ kind }) => kind === "dynamic");
    assert.deepEqual(packages.map(({ to }) => to), ["node-forge"]);
  });
});

describe("check_exports", () => {
  const texts = {
    "mod.ts": "",
    "src/version.ts": 'export const VERSION = "1.2.3";',
    "src/credentials/a_credential.ts": '/** As `import "@azweb/identity/a-credential"` does. */',
    "README.md": [
      "# A title",
      '```ts\nimport { A, type B as C } from "@azweb/identity";\nimport { A } from "@azweb/identity/a-credential";\n```',
    ].join("\n"),
  };
  const exports = { ".": "./mod.ts", "./a-credential": "./src/credentials/a_credential.ts" };
  const symbols = { ".": ["A", "B"], "./a-credential": ["A"] };

  interface Change {
    readonly texts?: Record<string, string>;
    readonly exports?: Record<string, string>;
    readonly symbols?: Record<string, string[]>;
  }
  function check(change: Change): string[] {
    const project: Project = {
      name: "@azweb/identity",
      version: "1.2.3",
      exports: { ...exports, ...change.exports },
      texts: new Map(Object.entries({ ...texts, ...change.texts })),
      symbols: new Map(
        Object.entries({ ...symbols, ...change.symbols }).map(([path, names]) => [path, new Set(names)]),
      ),
    };
    return found(checkExports(project));
  }

  test("accepts a consistent project", () => assert.deepEqual(check({}), []));

  const readme = texts["README.md"];
  const cases: [title: string, change: Change, problems: string[]][] = [
    ["a credential without a subpath", { texts: { "src/credentials/b_credential.ts": "" } }, [
      'deno.json: "exports" lacks "./b-credential": "./src/credentials/b_credential.ts"',
    ]],
    ["a subpath without a file", { exports: { ".": "./gone.ts" } }, [
      'deno.json: "." of "exports" leads to no file: ./gone.ts',
    ]],
    ["a symbol that mod.ts lacks", { symbols: { "./a-credential": ["A", "Z"] } }, [
      "mod.ts: Does not export Z, which ./a-credential does",
    ]],
    ["a subpath that the README lacks", { exports: { "./a": "./mod.ts" } }, [
      "README.md: Does not mention @azweb/identity/a",
    ]],
    ["a version that differs from that in deno.json", {
      texts: { "src/version.ts": 'export const VERSION = "1.2.4";' },
    }, [
      'src/version.ts: The version is "1.2.4", and "1.2.3" in deno.json',
    ]],
    [
      "a doc comment with a subpath that does not exist",
      { texts: { "mod.ts": "\n/** `@azweb/identity/no-such` */" } },
      [
        'mod.ts:2: @azweb/identity/no-such is not in "exports" of deno.json',
      ],
    ],
    ["an import of a name that is not exported", { texts: { "README.md": readme.replace("B as C", "X as C") } }, [
      "README.md:3: @azweb/identity does not export X",
    ]],
  ];
  for (const [title, change, problems] of cases) {
    test(`reports ${title}`, () => assert.deepEqual(check(change), problems));
  }
});

describe("check_docs", () => {
  const readme = [
    "# A `title`, twice",
    "See [below](#b), [the log](CHANGELOG.md#123), [elsewhere](https://example.com/#x) and [a page](docs/a.md).",
    '```json\n{ "a": 1 }\n```',
    "## B\n[Up](#a-title-twice), [licence](./LICENSE)",
    "| what | reason |\n| --- | --- |\n| order | first come |\n\n| what | |\n| --- | --- |\n| order | |",
  ].join("\n");
  const page = "# A\n[Home](../README.md#b), [licence](../LICENSE)";
  const texts = {
    "README.md": readme,
    "CHANGELOG.md": "## 1.2.3\n",
    "docs/a.md": page,
    "llms.txt": `[Home](${PAGES}README.md), [A](${PAGES}docs/a.md)`,
  };
  function check(change: Readonly<Record<string, string>>): string[] {
    const all = new Map(Object.entries({ ...texts, ...change }));
    return found(checkDocs({ texts: all, exists: (path) => path === "LICENSE" }));
  }

  test("accepts documents without a problem", () => assert.deepEqual(check({}), []));

  const cases: [title: string, change: Record<string, string>, problem: string][] = [
    [
      "a link to a missing heading",
      { "README.md": readme.replace("(#b)", "(#c)") },
      "README.md:2: The link #c leads to no heading",
    ],
    [
      "a link to a missing heading of another file",
      { "README.md": readme.replace("#123", "#124") },
      "README.md:2: The link CHANGELOG.md#124 leads to no heading",
    ],
    [
      "a link of a page to a missing heading",
      { "docs/a.md": page.replace("#b", "#c") },
      "docs/a.md:2: The link ../README.md#c leads to no heading",
    ],
    [
      "a link to a missing file",
      { "README.md": readme.replace("LICENSE", "LICENCE") },
      "README.md:7: The link ./LICENCE leads to no published file",
    ],
    [
      "a link of a page to a missing file",
      { "docs/a.md": page.replace("../LICENSE", "LICENSE") },
      "docs/a.md:2: The link LICENSE leads to no published file",
    ],
    [
      "a row without a reason",
      { "README.md": readme.replace("first come", "") },
      "README.md:10: The row has no reason: order",
    ],
    ["malformed JSON", { "README.md": readme.replace("1 }", "1") }, "README.md:3: The code block is not JSON"],
    [
      "a language that is not checked",
      { "README.md": readme.replace("```json", "```js") },
      'README.md:3: A code block in "js": use one of ts, tsx, json, sh, text, toml, html, dockerfile, yaml, mermaid',
    ],
    [
      "a README that is too long",
      { "README.md": readme + "\n".repeat(12_288) },
      "README.md: 12577 bytes: at most 12288",
    ],
    [
      "a page that the README does not link to",
      { "README.md": readme.replace("docs/a.md", "#b") },
      "README.md: No link to docs/a.md",
    ],
    [
      "a page that llms.txt does not link to",
      { "llms.txt": `[Home](${PAGES}README.md)` },
      `llms.txt: No link to ${PAGES}docs/a.md`,
    ],
  ];
  for (const [title, change, problem] of cases) {
    test(`reports ${title}`, () => assert.deepEqual(check(change), [problem]));
  }
});

describe("check_words", () => {
  const wide = "x".repeat(115);
  const cases: [path: string, text: string, problems: string[]][] = [
    ["src/a.ts", "// The caller waits.\nexport const a = 1;", []],
    ["src/a.ts", "\n// Whoever waits.", ['src/a.ts:2: "Whoever": name the subject, or use the field\'s word']],
    ["README.md", "It is asked anew.", ['README.md:1: "anew": name the subject, or use the field\'s word']],
    ["src/a.ts", "newer, renewed", []],
    ["src/a.ts", `  // ${wide}`, []],
    ["src/a.ts", `   // ${wide}`, ["src/a.ts:1: A comment of 121 columns: at most 120"]],
    ["src/a.ts", `   * ${wide}+`, ["src/a.ts:1: A comment of 121 columns: at most 120"]],
    ["src/a.ts", ` * https://${wide}`, []],
    ["src/a.ts", ` * \`\`\`ts\n * ${wide}+\n * \`\`\``, []],
    ["README.md", `| ${wide} | ${wide} |`, []],
  ];
  for (const [path, text, problems] of cases) {
    test(`reports ${problems.length} problems for ${JSON.stringify(text.slice(0, 30))} in ${path}`, () => {
      assert.deepEqual(found(checkWords(path, text)), problems);
    });
  }
});

describe("check_coverage", () => {
  const texts = new Map([
    [
      "mod.ts",
      'export { type ACredentialOptions, ACredential } from "./a.ts";\nexport { type BCredential } from "./b.ts";',
    ],
    ["tests/support/canary_a.ts", "return new ACredential(options);"],
    [
      "src/managed_identity/sources.ts",
      'const SOURCES = [{ variables: ["ONE", "TWO"], create: a }, { variables: [] }];',
    ],
    ["tests/support/managed_identity/machine.ts", 'export const MACHINES = { a: { ONE: "1", TWO: "2" } };'],
    ["README.md", "| A | `ONE`, `TWO` |"],
    ["src/testing/a.ts", 'env: { ONE: "1", TWO: "2" }'],
  ]);
  const source = "src/managed_identity/sources.ts";

  test("accepts credentials and sources that are covered", () => {
    assert.deepEqual([...checkCredentials(texts), ...checkSources(texts)], []);
  });

  test("reports a credential that no secrecy test creates", () => {
    assert.deepEqual(found(checkCredentials(new Map([...texts, ["tests/support/canary_a.ts", ""]]))), [
      "mod.ts: No secrecy test creates ACredential: add it to a canary file of the tests",
    ]);
  });

  for (
    const [path, text, what] of [
      [
        "tests/support/managed_identity/machine.ts",
        '{ a: { ONE: "1" }, b: { TWO: "2" } }',
        "no test: add a machine to the tests",
      ],
      ["README.md", "`ONE`, `TWO`", "no documentation: add a table row"],
      ["src/testing/a.ts", "env: { ONE }", "no simulated machine: add it to src/testing/"],
    ] as const
  ) {
    test(`reports a source with ${what.split(":")[0]}`, () => {
      assert.deepEqual(found(checkSources(new Map([...texts, [path, text]]))), [`${source}: ONE and TWO: ${what}`]);
    });
  }

  test("reports that the table of sources is missing", () => {
    assert.deepEqual(found(checkSources(new Map())), [`${source}: There is no table of sources`]);
  });
});

describe("check_size", () => {
  const entry: Entry = { name: "A", from: ".", families: ["contracts", "entra"] };
  const part: Part = { minified: 150, gzip: 100, modules: ["src/errors.ts", "oauth4webapi", "src/a.ts"], text: "" };
  const where = '{ A } from "@azweb/identity"';

  test("accepts the permitted modules of an entry", () =>
    assert.deepEqual(checkModules(part, entry, ["src/a.ts"]), []));

  for (const module of ["src/certificates/certificate.ts", "src/new/a.ts", "jose"]) {
    test(`reports that an entry loads ${module} at once`, () => {
      assert.deepEqual(checkModules({ ...part, modules: [module] }, entry, ["src/a.ts"]), [
        { where, what: `Loads ${module} at once` },
      ]);
    });
  }

  test("reports a bundle that exceeds its budget by a byte, at once, in one piece and on edge runtimes", () => {
    const budget = { atOnce: 100, onePiece: 200, edge: 150 };
    assert.deepEqual(checkSizes(where, budget, budget), []);
    assert.deepEqual(checkSizes(where, { atOnce: 101, onePiece: 201, edge: 151 }, budget), [
      { where, what: "101 bytes at once, with a budget of 100" },
      { where, what: "201 bytes in one piece, with a budget of 200" },
      { where, what: "151 bytes on edge runtimes, with a budget of 150" },
    ]);
    assert.deepEqual(checkSizes(where, budget, undefined), [
      { where, what: "There is no budget: run scripts/check_size.ts with --update" },
    ]);
  });

  test("reports a subpath without an entry", () => {
    assert.deepEqual(found(checkEntries([".", "./b"], [{ ...entry, name: "*" }])), [
      'scripts/check_size.ts: No entry imports all of "./b"',
    ]);
  });

  test("bundles only what is imported, with a separate part for what import() loads", async () => {
    await inFolder({
      "mod.ts": 'export { a } from "./src/a.ts";\nexport { b } from "./src/b.ts";',
      "src/a.ts": 'import { c } from "./c.ts";\nexport const a = () => c + import("./d.ts");',
      "src/b.ts": 'globalThis.name = "b";\nexport const b = "not wanted";',
      "src/c.ts": 'export const c = "at once";',
      "src/d.ts": 'import { c } from "./c.ts";\nexport const d = "later" + c;',
    }, async (folder) => {
      const program = 'export { a } from "@azweb/identity";';
      const [first, ...later] = await bundle(program, folder, { "@azweb/identity": `${folder}/mod.ts` });
      assert.deepEqual([...first!.modules].sort(), ["src/a.ts", "src/c.ts"]);
      assert.match(first!.text, /at once/);
      assert.doesNotMatch(first!.text, /later|not wanted/);
      assert.deepEqual(later.map(({ modules }) => modules), [["src/d.ts"]]);
      assert.equal(first!.minified, new Blob([first!.text.replaceAll("\n\n", "\n")]).size);
      assert.ok(first!.gzip > 0);
    });
    await stop();
  });

  test("a program of GitHub Actions has nothing of the other platforms, in one piece", async () => {
    const program = `export { ClientAssertionCredential } from "@azweb/identity";
      export { fromGitHubActions } from "@azweb/identity/federation";`;
    const files = {
      "@azweb/identity": `${ROOT}mod.ts`,
      "@azweb/identity/federation": `${ROOT}src/federation/mod.ts`,
    };
    const [whole, ...later] = await bundle(program, ROOT, files, { splitting: false });
    await stop();
    assert.deepEqual(later, []);
    const sources = whole!.modules.filter((module) => module.includes("/from_"));
    assert.deepEqual(sources, ["src/federation/from_github_actions.ts"]);
    assert.doesNotMatch(whole!.text, /amazonaws|aws4|metadata\.google|iamcredentials|\/\.fly|vercel-oidc|GITLAB_CI/i);
  });
});

describe("check_examples", () => {
  test("finds the examples to run, in documents and in comments", () => {
    const readme = "# A\n```ts\na();\n```\n```ts no-eval\nb();\n```\n```sh\nc\n```\n";
    assert.deepEqual(findExamples("README.md", readme), [{ where: "README.md:2", code: "a();\n" }]);
    const source = "class A {\n  /**\n   * ```ts\n   * if (a) {\n   *\n   *   a();\n   * }\n   * ```\n   */\n}";
    assert.deepEqual(findExamples("a.ts", source), [{ where: "a.ts:3", code: "if (a) {\n\n  a();\n}\n" }]);
  });

  test("runs an example that imports the library by its name", async () => {
    const code = 'import { AzureAuthorityHosts } from "@azweb/identity";\nif (!AzureAuthorityHosts) throw 1;';
    assert.deepEqual(await runExample({ where: "a.ts:1", code }), []);
  });

  for (
    const code of [
      'throw new Error("no good")',
      'await fetch("http://127.0.0.1:9/")',
      'import { No } from "@azweb/identity"; No();',
    ]
  ) {
    test(`reports an example that fails: ${code}`, async () => {
      const problems = await runExample({ where: "a.ts:1", code });
      assert.deepEqual(problems.map(({ where }) => where), ["a.ts:1"]);
    });
  }
});

test("ok counts the tests in the last line of a step, or the step as one, and a failed step always as a failure", () => {
  assert.deepEqual(countsOf("Checked 3 files\n", true), { passed: 1, failed: 0, skipped: 0 });
  assert.deepEqual(countsOf("", false), { passed: 0, failed: 1, skipped: 0 });
  assert.deepEqual(countsOf("…\n40 passed, 0 failed, 2 skipped\n", true), { passed: 40, failed: 0, skipped: 2 });
  assert.deepEqual(countsOf("40 passed, 3 failed, 2 skipped", false), { passed: 40, failed: 3, skipped: 2 });
  assert.deepEqual(countsOf("40 passed, 0 failed, 2 skipped", false), { passed: 40, failed: 1, skipped: 2 });
});

function found(problems: readonly Problem[]): string[] {
  return problems.map(({ where, what }) => `${where}: ${what}`);
}

/** Runs a function with a temporary folder that contains the files. */
async function inFolder(files: Record<string, string>, body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  try {
    await Deno.mkdir(`${folder}/src`);
    for (const [path, text] of Object.entries(files)) await Deno.writeTextFile(`${folder}/${path}`, text);
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
