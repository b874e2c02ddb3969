import { build, type Plugin } from "esbuild";
import { builtinModules } from "node:module";
import { gzipSync } from "node:zlib";

/** The size of a bundle that imports one name. */
export interface Bundle {
  /** In bytes, minified. */
  readonly minified: number;
  /** In bytes, minified and compressed. Excludes the modules that `import()` loads, unless the bundle is one piece. */
  readonly gzip: number;
  /** The built-in modules of Node that it needs, without `node:`. */
  readonly builtins: readonly string[];
}

/** Bundles a program that uses one export of a package that is installed in the folder. */
export async function measureBundle(
  folder: string,
  name: string,
  { from, platform, whole = false }: {
    from: string;
    platform: "node" | "edge";
    /** Whether the bundle is one piece that includes the modules that `import()` loads. Default: `false`. */
    whole?: boolean;
  },
): Promise<Bundle> {
  const builtins = new Set<string>();
  const { outputFiles, metafile } = await build({
    stdin: { contents: `export { ${name} } from ${JSON.stringify(from)};`, resolveDir: folder },
    bundle: true,
    minify: true,
    splitting: !whole,
    write: false,
    metafile: true,
    outdir: "out",
    format: "esm",
    target: "es2022",
    logLevel: "silent",
    legalComments: "none",
    ...platform === "node" ? { platform } : { platform: "browser", conditions: ["workerd", "worker"] },
    plugins: [{ name: "built-in modules", setup: (build) => noteBuiltins(build, builtins) }],
  });
  // esbuild also marks the modules that `import()` loads as entry points.
  const [entry] = Object.entries(metafile.outputs).find(([, { entryPoint }]) => entryPoint === "<stdin>")!;
  const loadedWithEntry = new Set([entry]);
  for (const path of loadedWithEntry) {
    for (const { kind, path: next } of metafile.outputs[path]!.imports) {
      if (kind !== "dynamic-import" && next in metafile.outputs) loadedWithEntry.add(next);
    }
  }
  const parts = outputFiles.filter(({ path }) => [...loadedWithEntry].some((name) => path.endsWith(name)));
  return {
    minified: sum(parts.map(({ contents }) => contents.length)),
    // Compressed together, because the number of files depends on the bundler.
    gzip: gzipSync(parts.map(({ text }) => text).join("\n"), { level: 9 }).length,
    builtins: [...builtins].sort(),
  };
}

function noteBuiltins({ onResolve }: Parameters<Plugin["setup"]>[0], builtins: Set<string>): void {
  const known = new Set(builtinModules);
  onResolve({ filter: /./ }, ({ path }) => {
    const name = path.replace(/^node:/, "");
    if (!known.has(name)) return undefined;
    builtins.add(name);
    return { path, external: true };
  });
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
