/**
 * Makes the edge build of the npm package. It differs from the general build in two ways: it lacks the modules for
 * capabilities that no edge runtime has and that only `options.runtime` can supply, and it has no `import()`. A program
 * on an edge runtime is one file, in which `import()` saves nothing and keeps bundlers from leaving out unused exports.
 *
 * @module
 */

import type { Plugin } from "esbuild";

/**
 * The conditions in `exports` that select the edge build: those that bundlers use for edge runtimes only. `browser` is
 * not among them, because esbuild and Bun also choose it for programs that Node runs.
 */
export const EDGE_CONDITIONS: readonly string[] = ["workerd", "edge-light"];

/** The module that replaces those in `src/runtime/`. No entry point imports it. */
export const EDGE_MODULE = "src/runtime/edge.ts";

/** A module of `src/runtime/` that {@linkcode EDGE_MODULE} replaces. */
const REPLACED =
  /\/runtime\/(direct_fetch|env|file_exists|files|loopback_server|open_url|operating_system|page|platform|process|process_variables|query_permission|remote_fetch|tls_fetch)\.[jt]s$/;

/** The module for sign-ins in a web page, whose functions are never called on an edge runtime. */
const PAGE_SIGN_IN = /\/sign_in\/popup_or_redirect\.[jt]s$/;
/** The code that replaces it. */
const NO_PAGE_SIGN_IN = "export let pendingRedirect, signInByPopupOrRedirect;";

/**
 * Returns a plug-in that turns the modules of this package into those of the edge build.
 *
 * @param edgeModule The path of {@linkcode EDGE_MODULE}.
 */
export function edgeModules(edgeModule: string): Plugin {
  return {
    name: "edge-modules",
    setup({ onLoad, onResolve }) {
      onResolve({ filter: /^\./ }, ({ path, resolveDir }) => {
        const target = new URL(path, `file://${resolveDir}/`).pathname;
        if (REPLACED.test(target)) return { path: edgeModule, sideEffects: false };
        return PAGE_SIGN_IN.test(target) ? { path: target, namespace: "page-sign-in", sideEffects: false } : undefined;
      });
      onLoad({ filter: /./, namespace: "page-sign-in" }, () => ({ contents: NO_PAGE_SIGN_IN }));
      onLoad({ filter: /\/src\/.*\.[jt]s$/ }, async ({ path }) => ({
        contents: withoutDynamicImports(await Deno.readTextFile(path)),
        loader: path.endsWith("ts") ? "ts" : "js",
      }));
    },
  };
}

/**
 * Turns each `const { a } = await import("./b.js");` and `(await import("./b.js")).a` into a static import. An
 * `import()` of a package remains, because the package may not be installed.
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
