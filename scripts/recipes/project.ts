import type { Entra } from "@azweb/identity/testing";
import { dirname } from "node:path";
import { run, type RunOptions, runOrThrow } from "../run.ts";
import { filesOf, readPage } from "./page.ts";
import type { Project, Recipe } from "./recipe.ts";

/** What the projects share. */
export interface ProjectOptions {
  /** The path of the npm package. */
  readonly tarball: string;
  readonly entra: Entra;
  /** The environment of npm and of the project's programs. */
  readonly env: Readonly<Record<string, string>>;
  /** Ends the programs. */
  readonly signal: AbortSignal;
}

/** Writes the files of a recipe to a new folder and installs its packages. */
export async function installProject(
  { section, packages, files, isCommonJs = false }: Recipe,
  folder: string,
  { tarball, entra, env, signal }: ProjectOptions,
): Promise<Project> {
  const dependencies = { ...packages, "@azweb/identity": `file:${tarball}` };
  const manifest = { private: true, type: isCommonJs ? "commonjs" : "module", dependencies };
  const all = { "package.json": JSON.stringify(manifest), ...files, ...filesOf(await readPage(), section) };
  for (const [path, text] of Object.entries(all)) {
    await Deno.mkdir(dirname(`${folder}/${path}`), { recursive: true });
    await Deno.writeTextFile(`${folder}/${path}`, text);
  }
  const options: RunOptions = { cwd: folder, env, signal };
  const quiet = ["--loglevel=error", "--no-audit", "--no-fund", "--no-package-lock"];
  await runOrThrow("npm", ["install", "--ignore-scripts", "--prefer-offline", ...quiet], options);

  return {
    folder,
    entra,
    async node(args) {
      return await runOrThrow("node", args, options);
    },
    async serve(args, use) {
      const PORT = String(findFreePort());
      const url = `http://localhost:${PORT}`;
      const stopper = new AbortController();
      let output = "";
      const add = (text: string) => void (output += text);
      const ended = run("node", args, {
        ...options,
        env: { ...env, PORT },
        signal: AbortSignal.any([signal, stopper.signal]),
        onStdout: add,
        onStderr: add,
      });
      try {
        await waitForServer(url, ended);
        await use(url);
      } catch (error) {
        throw new Error(`${error}\n${output}`);
      } finally {
        stopper.abort();
        await ended;
      }
    },
  };
}

function findFreePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  listener.close();
  return listener.addr.port;
}

/** Resolves when the server responds, and rejects if its process ends before. */
async function waitForServer(url: string, ended: Promise<unknown>): Promise<void> {
  let hasEnded = false;
  ended.then(() => hasEnded = true);
  while (!hasEnded) {
    try {
      await (await fetch(url)).body?.cancel();
      return;
    } catch {
      // It does not listen yet.
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  throw new Error("The server has ended");
}
