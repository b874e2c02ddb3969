/**
 * Checks the npm package as it is published: `publint` and `attw` accept it; its declarations compile with only the
 * types of the browser, and with only those of Node; JSR accepts the source; and a Deno project can link the source.
 *
 * @module
 */

import { buildNpm } from "./build_npm.ts";
import { type Problem, report } from "./problem.ts";
import { ROOT, run } from "./run.ts";

const NODE_TYPES = "@types/node@22.19.1";

/** An old release of TypeScript, and the newest. */
const COMPILERS = ["typescript@5.4.5", "typescript@7.0.2"];

/** The compiler options of the projects in which TypeScript checks the declarations, by the types that they have. */
const NPM_PROJECTS: Readonly<Record<string, object>> = {
  "a browser": { lib: ["es2022", "dom"], types: [] },
  "Node alone": { lib: ["es2022"], types: ["node"] },
};

/**
 * The `compilerOptions` of Deno projects that link the source. Deno checks linked source with the options of the
 * project.
 */
const DENO_PROJECTS: Readonly<Record<string, object>> = {
  "no options": {},
  "strict options": {
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noImplicitOverride: true,
    noImplicitReturns: true,
    noFallthroughCasesInSwitch: true,
    noUnusedLocals: true,
    noUnusedParameters: true,
    verbatimModuleSyntax: true,
    erasableSyntaxOnly: true,
    isolatedDeclarations: true,
  },
};

async function checkTypes(tarball: string): Promise<Problem[]> {
  const folder = await Deno.makeTempDir({ prefix: "azweb-identity-types-" });
  try {
    const { name, version, exports } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
    const lines = Object.keys(exports).map((subpath, index) =>
      `export * as s${index} from "${name}${subpath.slice(1)}";`
    );
    await Deno.writeTextFile(`${folder}/all.ts`, lines.join("\n"));
    const problems: Problem[] = [];
    for (const [options, compilerOptions] of Object.entries(DENO_PROJECTS)) {
      const link = { imports: { [name]: `jsr:${name}@${version}` }, links: [ROOT], compilerOptions };
      await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify(link));
      problems.push(...await check(`deno check, linked with ${options}`, Deno.execPath(), ["check", "all.ts"], folder));
    }
    await Deno.writeTextFile(`${folder}/package.json`, JSON.stringify({ private: true, type: "module" }));
    const install = ["install", "--no-audit", "--no-fund", "--ignore-scripts", tarball, NODE_TYPES];
    problems.push(...await check("npm install", "npm", install, folder));
    for (const [types, options] of Object.entries(NPM_PROJECTS)) {
      const compilerOptions = {
        strict: true,
        target: "es2022",
        module: "nodenext",
        noEmit: true,
        skipLibCheck: false,
        ...options,
      };
      await Deno.writeTextFile(`${folder}/tsconfig.json`, JSON.stringify({ compilerOptions, files: ["all.ts"] }));
      for (const compiler of COMPILERS) {
        problems.push(
          ...await check(`${compiler} for ${types}`, "npx", ["-y", "-p", compiler, "tsc", "--pretty", "false"], folder),
        );
      }
    }
    return problems;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Runs a tool that exits with 0 if it finds no problem. */
async function check(where: string, command: string, args: readonly string[], cwd: string = ROOT): Promise<Problem[]> {
  const { code, stdout, stderr } = await run(command, args, { cwd });
  console.log(`${where}: ${code === 0 ? "good" : `exit code ${code}`}`);
  return code === 0 ? [] : [{ where, what: (stdout + stderr).trim() }];
}

if (import.meta.main) {
  const tarball = await buildNpm();
  report([
    ...await check("publint", "npx", ["-y", "publint@0.3.25", "run", tarball, "--strict"]),
    ...await check("attw", "npx", ["-y", "@arethetypeswrong/cli@0.18.5", tarball, "--profile", "esm-only"]),
    ...await check("deno publish", Deno.execPath(), ["publish", "--dry-run", "--allow-dirty"]),
    ...await checkTypes(tarball),
  ]);
}
