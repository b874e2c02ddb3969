import { type Outcome, type Result, Unavailable } from "./outcome.ts";
import { run } from "./run.ts";
import type { Suite } from "./suite.ts";
import { bundleTests } from "./test_bundle.ts";

const COMMANDS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** Without a window, and without the connections that a browser makes for itself. */
// deno-fmt-ignore
const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

const PAGE = `<!doctype html><meta charset="utf-8"><title>Tests</title>
<script>onerror = (message) => fetch("/error", { method: "POST", body: message });</script>
<script type="module" src="/tests.js"></script>`;

/** Runs the portable tests in a page of Chromium, which posts what became of them to the server that it came from. */
export async function runBrowser(suite: Suite): Promise<Result> {
  const { command, version } = await findBrowser();
  const ending = `await fetch("/outcomes", { method: "POST", body: JSON.stringify(await run(files)) });`;
  const code = await bundleTests(suite, "browser", ending);

  const { promise: outcomes, resolve, reject } = Promise.withResolvers<Outcome[]>();
  async function serve(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/tests.js") return new Response(code, { headers: { "content-type": "text/javascript" } });
    if (pathname === "/outcomes") resolve(await request.json());
    if (pathname === "/error") reject(new Error(`The page fails: ${await request.text()}`));
    return new Response(PAGE, { headers: { "content-type": "text/html" } });
  }
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, serve);
  const browser = new AbortController();
  const args = [...FLAGS, `--user-data-dir=${suite.folder}/browser`, `http://127.0.0.1:${server.addr.port}/`];
  const ended = run(command, args, { signal: browser.signal });
  try {
    const early = ended.then(({ code, stderr }) =>
      Promise.reject(new Error(`The browser ended with ${code}: ${stderr}`))
    );
    return { runtime: version, outcomes: await Promise.race([outcomes, early]) };
  } finally {
    browser.abort();
    await ended;
    await server.shutdown();
  }
}

async function findBrowser(): Promise<{ command: string; version: string }> {
  for (const command of COMMANDS) {
    const probe = await run(command, ["--version"]).catch(() => undefined);
    if (probe?.code === 0) return { command, version: probe.stdout.trim().replace(/ built on .*/, "") };
  }
  throw new Unavailable(`there is none of the commands ${COMMANDS.join(", ")}`);
}
