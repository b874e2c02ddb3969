import { build, type Metafile, type Plugin } from "esbuild";
import { ROOT } from "./run.ts";

/** A test file and its runtimes. */
export interface TestFile {
  /** The path relative to the root of the project: `tests/scopes_test.ts`. */
  readonly source: string;
  /** The path of the file without types, relative to the folder that it was written to: `tests/scopes_test.js`. */
  readonly stripped: string;
  /** Names of runtimes. */
  readonly runtimes: readonly string[];
}

/** The tests and the packages that they need. */
export interface TestFiles {
  readonly files: readonly TestFile[];
  /** The imported packages, except those of tests that run only on Deno, because Deno resolves packages itself. */
  readonly packages: readonly string[];
}

const WITH_BUILT_INS: readonly string[] = ["deno", "node", "bun"];
const EVERYWHERE: readonly string[] = [...WITH_BUILT_INS, "workerd", "edge", "browser"];

/** The imports of tests that run on every runtime: the library, and packages that need only Web APIs. */
const PORTABLE = /^(node:test|node:assert\/strict|(@azweb\/identity|fast-check|jose|oauth4webapi)(\/.*)?)$/;

/**
 * Writes the files of `tests/` to the folder, without types, and determines the runtimes of each test file: all of them
 * if its imports need only Web APIs, else Deno, Node and Bun. The first line of the file, such as `// Runs on: deno,
 * node`, can exclude some of them.
 */
export async function stripTests(folder: string): Promise<TestFiles> {
  const sources: string[] = [];
  for (const path of await listFiles("tests")) {
    if (path.endsWith(".ts")) sources.push(path);
    else await copy(ROOT + path, `${folder}/${path}`);
  }
  const { metafile: { inputs } } = await build({
    absWorkingDir: ROOT,
    entryPoints: sources,
    outdir: folder,
    outbase: ".",
    bundle: true,
    format: "esm",
    target: "es2022",
    metafile: true,
    sourcemap: "inline",
    logLevel: "silent",
    plugins: [{ name: "each-file-by-itself", setup: keepImports }],
  });

  const tests = sources.filter((source) => source.endsWith("_test.ts")).sort();
  const files = await Promise.all(tests.map(async (source) => {
    const [, stated] = /^\/\/ Runs on: (.+)/.exec(await Deno.readTextFile(ROOT + source)) ?? [];
    const possible = importsOf(source, inputs).every((name) => PORTABLE.test(name)) ? EVERYWHERE : WITH_BUILT_INS;
    const wanted = stated?.split(",").map((name) => name.trim()) ?? EVERYWHERE;
    return { source, stripped: strip(source), runtimes: possible.filter((name) => wanted.includes(name)) };
  }));
  const forDeno = files.filter(({ runtimes }) => runtimes.join() === "deno").map(({ source }) => source);
  const others = sources.filter((source) => !forDeno.includes(source));
  return { files, packages: others.flatMap((source) => importsOf(source, inputs)).map(packageOf) };
}

const keepImports: Plugin["setup"] = ({ onResolve }) => {
  onResolve({ filter: /./ }, ({ kind, path }) => {
    return kind === "entry-point" ? undefined : { external: true, path: isRelative(path) ? strip(path) : path };
  });
};

/**
 * Returns the packages and built-in modules that a file and the files that it imports, also by `import()`, depend on.
 */
function importsOf(file: string, inputs: Metafile["inputs"], seen: Set<string> = new Set()): string[] {
  seen.add(file);
  return (inputs[file]?.imports ?? []).flatMap(({ path }) => {
    if (!isRelative(path)) return [path];
    const next = new URL(path, `file:///${file}`).pathname.slice(1).replace(/\.js$/, ".ts");
    return seen.has(next) ? [] : importsOf(next, inputs, seen);
  });
}

function isRelative(specifier: string): boolean {
  return /^\.{1,2}\//.test(specifier);
}

function packageOf(specifier: string): string {
  return specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
}

function strip(path: string): string {
  return path.replace(/\.ts$/, ".js");
}

async function copy(from: string, to: string): Promise<void> {
  await Deno.mkdir(to.slice(0, to.lastIndexOf("/")), { recursive: true });
  await Deno.copyFile(from, to);
}

async function listFiles(folder: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(ROOT + folder)) {
    if (isDirectory) paths.push(...await listFiles(`${folder}/${name}`));
    else paths.push(`${folder}/${name}`);
  }
  return paths;
}
