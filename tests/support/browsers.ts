/**
 * Chromium, Firefox and WebKit (Safari's engine) without a window, driven by Playwright, WebDriver BiDi and WebDriver.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import process from "node:process";
import { NO_BROWSER, startBrowser } from "./chromium.ts";

/** A tab of a browser, with a new profile, that accepts every certificate. */
export interface Tab {
  goto(url: string): Promise<void>;
  /** Clicks as a user does. */
  click(selector: string): Promise<void>;
  /** Returns the value of an expression in the page; `undefined` while the page is being left. */
  evaluate(expression: string): Promise<unknown>;
  /** Closes the browser. */
  close(): Promise<void>;
}

/** A browser that the machine may have. */
export interface BrowserKind {
  /** Why the browser cannot be started, or `false`. */
  readonly missing: string | false;
  /** Whether its popup blocker works while a program drives it. */
  readonly hasPopupBlocker: boolean;
  open(): Promise<Tab>;
}

const FIREFOX = "/usr/bin/firefox-esr";
const WEBKIT_DRIVER = "/usr/bin/WebKitWebDriver";
const XVFB = "/usr/bin/Xvfb";

/** Each browser by its name. */
export const BROWSERS: Readonly<Record<string, BrowserKind>> = {
  Chromium: { missing: NO_BROWSER, hasPopupBlocker: true, open: openChromium },
  // Its remote protocol switches the popup blocker off, whatever its preferences say.
  Firefox: { missing: missing(FIREFOX), hasPopupBlocker: false, open: openFirefox },
  WebKit: { missing: missing(WEBKIT_DRIVER, XVFB), hasPopupBlocker: true, open: openWebKit },
};

function missing(...paths: readonly string[]): string | false {
  const absent = paths.filter((path) => !existsSync(path));
  return absent.length > 0 && `There is no ${absent.join(", ")}`;
}

/** Waits until an expression has a truthy value in the page. Returns the value. */
export async function untilValue(tab: Tab, expression: string): Promise<unknown> {
  for (;;) {
    const value = await tab.evaluate(expression);
    if (value) return value;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function openChromium(): Promise<Tab> {
  const browser = await startBrowser([], { blocksPopups: true });
  const page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
  return {
    goto: async (url) => void await page.goto(url),
    click: (selector) => page.click(selector),
    evaluate: (expression) => page.evaluate(expression).catch(() => undefined),
    close: () => browser.close(),
  };
}

async function openFirefox(): Promise<Tab> {
  const { launch } = await import("puppeteer-core");
  const browser = await launch({
    browser: "firefox",
    executablePath: FIREFOX,
    headless: true,
    acceptInsecureCerts: true,
  });
  const page = await browser.newPage();
  return {
    goto: async (url) => void await page.goto(url),
    click: (selector) => page.click(selector),
    evaluate: (expression) => page.evaluate(expression).catch(() => undefined),
    close: () => browser.close(),
  };
}

/** Opens WebKitGTK's test browser, which always has a window, on a display in memory. */
async function openWebKit(): Promise<Tab> {
  const display = spawn(XVFB, ["-displayfd", "1", "-screen", "0", "1280x800x24", "-nolisten", "tcp"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [number] = await once(display.stdout!, "data");
  const port = await freePort();
  const driver = spawn(WEBKIT_DRIVER, [`--port=${port}`, "--host=127.0.0.1"], {
    stdio: "ignore",
    env: { ...process.env, DISPLAY: `:${String(number).trim()}` },
  });
  const base = `http://127.0.0.1:${port}/session`;

  async function send(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(base + path, {
      method,
      ...method === "POST" && { body: JSON.stringify(body ?? {}) },
    });
    const { value } = await response.json();
    if (response.ok) return value;
    throw new Error(`${method} ${path}: ${value.error}: ${value.message}`);
  }

  async function start(): Promise<string> {
    const binary = readdirSync("/usr/lib", { withFileTypes: true }).filter((entry) => entry.isDirectory())
      .map(({ name }) => `/usr/lib/${name}/webkit2gtk-4.1/MiniBrowser`).find((path) => existsSync(path));
    const capabilities = {
      alwaysMatch: {
        acceptInsecureCerts: true,
        "webkitgtk:browserOptions": { binary, args: ["--automation"] },
      },
    };
    for (let tries = 0;; tries++) {
      try {
        const { sessionId } = await send("POST", "", { capabilities }) as { sessionId: string };
        return `/${sessionId}`;
      } catch (error) {
        // The driver does not say when it listens.
        if (!(error instanceof TypeError) || tries > 200) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  async function stop(): Promise<void> {
    await Promise.all([driver, display].map(end));
  }

  const session = await start().catch(async (error) => {
    await stop();
    throw error;
  });
  return {
    goto: async (url) => void await send("POST", `${session}/url`, { url }),
    async click(selector) {
      const element = await send("POST", `${session}/element`, { using: "css selector", value: selector });
      await send("POST", `${session}/element/${Object.values(element as object)[0]}/click`);
    },
    evaluate: (expression) =>
      send("POST", `${session}/execute/sync`, { script: `return (${expression})`, args: [] }).catch(() => undefined),
    async close() {
      await send("DELETE", session);
      await stop();
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exit = once(child, "exit");
  child.kill();
  await exit;
}
