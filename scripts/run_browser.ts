import { type Result, Unavailable } from "./outcome.ts";
import { readEvents } from "./progress.ts";
import { run } from "./run.ts";
import { runTests } from "./run_tests.ts";
import type { Suite } from "./suite.ts";
import { bundleTests } from "./test_bundle.ts";

const COMMANDS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** Flags for a browser that has no window and opens no connections by itself. */
// deno-fmt-ignore
const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

const PAGE = `<!doctype html><meta charset="utf-8"><title>Tests</title>
<script>onerror = (message) => fetch("/error", { method: "POST", body: message });</script>
<script type="module" src="/tests.js"></script>`;

/** Code that runs the tests and sends their events over a socket, and "ended" after the last. */
const ENDING = `
  const socket = new WebSocket("/events");
  await new Promise((resolve) => socket.onopen = resolve);
  await run(files, (event) => socket.send(JSON.stringify(event) + "\\n"));
  socket.send("ended");`;

/** Runs the portable tests in a page of Chromium, which sends the events to the server of the page. */
export async function runBrowser(suite: Suite): Promise<Result> {
  const { command, version } = await findBrowser();
  const code = await bundleTests(suite, { runtime: "browser", ending: ENDING, conditions: ["module"] });

  const browser = new AbortController();
  let hasEnded = false;
  let pageError: string | undefined;
  let read: (text: string) => void = () => {};
  async function serve(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/tests.js") return new Response(code, { headers: { "content-type": "text/javascript" } });
    if (pathname === "/error") {
      pageError = await request.text();
      browser.abort();
    }
    if (pathname !== "/events") return new Response(PAGE, { headers: { "content-type": "text/html" } });
    const { socket, response } = Deno.upgradeWebSocket(request);
    socket.onmessage = ({ data }) => {
      if (data !== "ended") return read(data);
      hasEnded = true;
      browser.abort();
    };
    socket.onclose = () => browser.abort();
    return response;
  }
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, serve);
  const args = [...FLAGS, `--user-data-dir=${suite.folder}/browser`, `http://127.0.0.1:${server.addr.port}/`];
  try {
    const { outcomes, costs, isCut, stderr } = await runTests(command, args, {
      silenceInMs: suite.silenceInMs,
      signal: browser.signal,
      follow(progress) {
        read = readEvents(progress);
        return {};
      },
    });
    if (!hasEnded && !isCut) throw new Error(`The page has ended before its tests: ${pageError ?? stderr}`);
    return { runtime: version, outcomes, costs };
  } finally {
    await server.shutdown();
  }
}

async function findBrowser(): Promise<{ command: string; version: string }> {
  for (const command of COMMANDS) {
    const probe = await run(command, ["--version"]).catch(() => undefined);
    if (probe?.code === 0) return { command, version: probe.stdout.trim().replace(/ built on .*/, "") };
  }
  throw new Unavailable(`none of these commands can be run: ${COMMANDS.join(", ")}`);
}
