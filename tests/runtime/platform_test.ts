// Runs on: node
// Detects the platform from simulated globals. `deno task floors` runs it on real releases.
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { startModule, stopModules } from "../support/child.ts";

/** The globals that identify a runtime. */
interface Globals {
  readonly Deno?: unknown;
  readonly navigator?: unknown;
  readonly process?: unknown;
}

after(stopModules);

/** Returns the platform, or the error, for each of the globals in turn, in a separate process. */
async function detect(...globals: readonly Globals[]): Promise<string[]> {
  const { code, stdout, stderr } = await startModule("runtime/platform_process", { args: [JSON.stringify(globals)] })
    .ended;
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

/** Returns the globals of Node. `true` stands for the function `getBuiltinModule`, which JSON cannot represent. */
function node(version: string, getBuiltinModule = true): Globals {
  return { process: { versions: { node: version }, getBuiltinModule } };
}

function bun(version: string, getBuiltinModule = true): Globals {
  return { process: { versions: { node: "24.3.0", bun: version }, getBuiltinModule } };
}

function deno(version?: string): Globals {
  return { ...node("24.12.0"), Deno: version === undefined ? {} : { version: { deno: version } } };
}

const DENO = "@azweb/identity needs Deno 2.5 or newer";
const BUN = "@azweb/identity needs Bun 1.3 or newer";
const NODE = "@azweb/identity needs Node 20.19, 22.3 or newer";

const REJECTED: readonly (readonly [Globals, string])[] = [
  [deno("1.46.3"), `Error: This is Deno 1.46.3: ${DENO}`],
  [deno("2.0.6"), `Error: This is Deno 2.0.6: ${DENO}`],
  [deno("2.4.5"), `Error: This is Deno 2.4.5: ${DENO}`],
  [bun("0.8.1", false), `Error: This is Bun 0.8.1: ${BUN}`],
  [bun("1.2.0", false), `Error: This is Bun 1.2.0: ${BUN}`],
  [bun("1.2.23"), `Error: This is Bun 1.2.23: ${BUN}`],
  [node("18.20.8", false), `Error: This is Node 18.20.8: ${NODE}`],
  [node("20.18.3"), `Error: This is Node 20.18.3: ${NODE}`],
  [node("21.7.3"), `Error: This is Node 21.7.3: ${NODE}`],
  [node("22.2.0", false), `Error: This is Node 22.2.0: ${NODE}`],
];

test("each call throws for an unsupported release, with its version and the oldest supported one", async () => {
  const globals = REJECTED.map(([globals]) => globals);
  assert.deepEqual(await detect(...globals, ...globals), [...REJECTED, ...REJECTED].map(([, message]) => message));
});

const ACCEPTED: Readonly<Record<string, readonly [Globals, string]>> = {
  "the oldest Deno": [deno("2.5.0"), "deno"],
  "the next Deno": [deno("3.0.0"), "deno"],
  "a Deno without a version": [deno(), "deno"],
  "Deno Deploy, whose version is empty": [deno(""), "deno"],
  "a runtime based on Deno": [deno("supabase-edge-runtime-1.74.3 (compatible with Deno v2.1.4)"), "deno"],
  "the oldest Bun": [bun("1.3.0"), "bun"],
  "the oldest Node 20": [node("20.19.0"), "node"],
  "the oldest Node 22": [node("22.3.0"), "node"],
  "Node 23": [node("23.0.0"), "node"],
  "a nightly build of Node": [node("27.0.0-nightly20261101"), "node"],
  "workerd, whose modules look usable": [
    { ...node("22.14.0"), navigator: { userAgent: "Cloudflare-Workers" } },
    "workerd",
  ],
  "a page": [{ navigator: { userAgent: "Mozilla/5.0" } }, "web"],
  "a page with a stand-in for process": [{ process: { env: {}, versions: {}, version: "" } }, "web"],
  "an edge runtime that imitates Node without its modules": [node("22.14.0", false), "web"],
  "an edge runtime whose process has functions that throw": [{ process: { getBuiltinModule: true } }, "web"],
  "none of these globals": [{}, "web"],
};

describe("detects the platform by its globals:", () => {
  for (const [name, [globals, platform]] of Object.entries(ACCEPTED)) {
    test(name, async () => assert.deepEqual(await detect(globals, {}), [platform, platform]));
  }
});
