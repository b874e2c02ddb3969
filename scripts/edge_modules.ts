/**
 * The difference between the edge builds of the npm package and the others: without modules of capabilities that no edge runtime has and
 * that `options.runtime` supplies instead, and without `import()`, because a program on an edge runtime is one file, in which it saves
 * nothing and keeps bundlers from leaving out what is unused.
 *
 * @module
 */

import type { Plugin } from "esbuild";

/** The conditions in `exports` whose bundles run on edge runtimes only. Not `browser`: esbuild and Bun choose it for programs that Node runs. */
export const EDGE_CONDITIONS: readonly string[] = ["workerd", "edge-light"];

/** The module in place of those in `src/runtime/`. No export leads to it. */
export const EDGE_MODULE = "src/runtime/edge.ts";

/** A module of `src/runtime/` that {@linkcode EDGE_MODULE} replaces. */
const REPLACED =
  /\/runtime\/(direct_fetch|env|file_exists|files|loopback_server|open_url|operating_system|page|platform|process|process_variables|query_permission|remote_fetch|tls_fetch)\.[jt]s$/;

/** The module of sign-ins in a web page, and functions in its place, which are called in pages only. */
const IN_PAGES = /\/sign_in\/popup_or_redirect\.[jt]s$/;
const NOT_IN_PAGES = "export let pendingRedirect, signInByPopupOrRedirect;";

/** Makes the modules of this package those of an edge build. The path is that of the edge module. */
export function edgeModules(edgeModule: string): Plugin {
  return {
    name: "edge-modules",
    setup({ onLoad, onResolve }) {
      onResolve({ filter: /^\./ }, ({ path, resolveDir }) => {
        const target = new URL(path, `file://${resolveDir}/`).pathname;
        if (REPLACED.test(target)) return { path: edgeModule, sideEffects: false };
        return IN_PAGES.test(target) ? { path: target, namespace: "in-pages", sideEffects: false } : undefined;
      });
      onLoad({ filter: /./, namespace: "in-pages" }, () => ({ contents: NOT_IN_PAGES }));
      onLoad({ filter: /\/src\/.*\.[jt]s$/ }, async ({ path }) => ({
        contents: withoutDynamicImports(await Deno.readTextFile(path)),
        loader: path.endsWith("ts") ? "ts" : "js",
      }));
    },
  };
}

/**
 * Turns each `const { a } = await import("./b.js");` and `(await import("./b.js")).a` into an import at the top. An `import()` of a package
 * remains: it may not be installed.
 */
export function withoutDynamicImports(code: string): string {
  const imports = new Set<string>();
  const importName = (name: string, path: string) => imports.add(`import { ${name} } from ${path};`);
  const replaced = code
    .replaceAll(/^ *const \{ (\w+) \} = await import\(("\.[^"]+")\);$/gm, (_, name, path) => {
      importName(name, path);
      return "";
    })
    .replaceAll(/\(await import\(("\.[^"]+")\)\)\.(\w+)/g, (_, path, name) => {
      importName(name, path);
      return name;
    });
  const left = /\bimport\("\.[^"]+"\)/.exec(replaced);
  if (left) throw new Error(`Cannot make the edge build: write "${left[0]}" as "const { a } = await ${left[0]};"`);
  return [...imports, replaced].join("\n");
}
