import { Miniflare } from "miniflare";
import process from "node:process";
import workerdPackage from "workerd";
import type { Outcome, Result } from "./outcome.ts";
import type { Suite } from "./suite.ts";
import { bundleTests } from "./test_bundle.ts";

// Deno hands out what the package assigns to `module.exports`, and its types say otherwise.
const { default: newerWorkerd, version: newerVersion } = workerdPackage as unknown as {
  default: string;
  version: string;
};

/** The path of a workerd; `undefined` is the one that miniflare brings. */
type Workerd = string | undefined;

/** The oldest behaviour that the library is tested with. */
const COMPATIBILITY_DATE = "2024-09-23";

/** Returns what runs the portable tests in a Worker's request, on one of two versions of workerd. */
export function workerd(version: "older" | "newer", flags: readonly string[]): (suite: Suite) => Promise<Result> {
  return async (suite) => {
    const code = await bundleTests(
      suite,
      "workerd",
      "export default { fetch: async () => Response.json(await run(files)) };",
    );
    const miniflare = await start(version === "newer" ? newerWorkerd : undefined, code, flags);
    try {
      const response = await miniflare.dispatchFetch("http://localhost/");
      if (!response.ok) throw new Error(await response.text());
      const outcomes = await response.json() as Outcome[];
      return {
        runtime: ["workerd", version === "newer" ? newerVersion : "of miniflare", ...flags].join(" "),
        outcomes,
      };
    } finally {
      await miniflare.dispose();
    }
  };
}

let last: Promise<unknown> = Promise.resolve();

/** One after another: miniflare takes the path from the environment of the process. */
function start(path: Workerd, code: string, flags: readonly string[]): Promise<Miniflare> {
  async function startNow(): Promise<Miniflare> {
    if (path) process.env.MINIFLARE_WORKERD_PATH = path;
    else delete process.env.MINIFLARE_WORKERD_PATH;
    const miniflare = new Miniflare({
      modules: [{ type: "ESModule", path: "tests.js", contents: code }],
      compatibilityDate: COMPATIBILITY_DATE,
      compatibilityFlags: [...flags],
    });
    await miniflare.ready;
    return miniflare;
  }
  const started = last.then(startNow);
  last = started.catch(() => {});
  return started;
}
