import { createRequire } from "node:module";
import type { Result } from "./outcome.ts";
import { byLine, type Progress, readEvents } from "./progress.ts";
import { runTests } from "./run_tests.ts";
import type { Suite } from "./suite.ts";
import { bundleTests } from "./test_bundle.ts";

/** The oldest compatibility date that the library is tested with. */
const COMPATIBILITY_DATE = "2024-09-23";

/** The conditions of wrangler. */
const CONDITIONS = ["workerd", "worker", "browser"];

/** Responds to a request with a stream of events. */
const ENDING = `
  function begin(controller) {
    const send = (event) => controller.enqueue(new TextEncoder().encode(JSON.stringify(event) + "\\n"));
    run(files, send).then(() => controller.close(), (error) => controller.error(error));
  }
  export default { fetch: () => new Response(new ReadableStream({ start: begin })) };`;

const bundles = new WeakMap<Suite, Promise<string>>();

/** Returns the bundle, which is created once for all versions and flags. */
function bundleOnce(suite: Suite): Promise<string> {
  const bundle = bundles.get(suite) ??
    bundleTests(suite, { runtime: "workerd", ending: ENDING, conditions: CONDITIONS });
  bundles.set(suite, bundle);
  return bundle;
}

/**
 * Returns a function that runs the portable tests in a request to a Worker, on miniflare's workerd or on a newer one.
 */
export function workerd(age: "older" | "newer", flags: readonly string[]): (suite: Suite) => Promise<Result> {
  return async (suite) => {
    const { default: program, version } = findWorkerd(age);
    const runtime = ["workerd", age === "newer" ? version : "of miniflare", ...flags].join(" ");
    const folder = await Deno.makeTempDir({ dir: suite.folder, prefix: "workerd-" });
    await Deno.writeTextFile(`${folder}/tests.js`, await bundleOnce(suite));
    await Deno.writeTextFile(
      `${folder}/config.capnp`,
      `using Workerd = import "/workerd/workerd.capnp";
      const config :Workerd.Config = (
        services = [(name = "tests", worker = (
          modules = [(name = "tests.js", esModule = embed "tests.js")],
          compatibilityDate = "${COMPATIBILITY_DATE}",
          compatibilityFlags = ${JSON.stringify(flags)},
        ))],
        sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "tests")],
      );`,
    );

    const server = new AbortController();
    let problem: unknown;
    async function requestTests(port: number, progress: Progress): Promise<void> {
      const read = readEvents(progress);
      const response = await fetch(`http://127.0.0.1:${port}/`);
      for await (const text of response.body!.pipeThrough(new TextDecoderStream())) read(text);
    }
    let testing: Promise<void> | undefined;
    const { code, stderr, outcomes, costs, isCut } = await runTests(program, [
      "serve",
      "config.capnp",
      "--control-fd=1",
    ], {
      cwd: folder,
      silenceInMs: suite.silenceInMs,
      signal: server.signal,
      follow: (progress) => ({
        onStdout: byLine((line) => {
          if (!line.startsWith('{"event":"listen"')) return;
          testing = requestTests(JSON.parse(line).port, progress).catch((error) => problem = error).finally(() =>
            server.abort()
          );
        }),
      }),
    });
    await testing;
    if ((!testing || problem) && !isCut) throw new Error(`workerd ended with ${code}: ${problem ?? ""}\n${stderr}`);
    return { runtime, outcomes, costs };
  };
}

/** Returns the path of a workerd executable, and its version. */
function findWorkerd(age: "older" | "newer"): { readonly default: string; readonly version: string } {
  const from = age === "newer" ? import.meta.url : import.meta.resolve("miniflare");
  return createRequire(from)("workerd");
}
