/**
 * A real browser, and the actions of its user.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";

const PATHS = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/usr/bin/google-chrome-stable",
];

// deno-fmt-ignore
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

/** The reason to skip if no browser is installed. */
export const NO_BROWSER: string | false = !PATHS.some((path) => existsSync(path)) &&
  `There is none of ${PATHS.join(", ")}`;

/** Starts a headless browser, with additional flags. Its popup blocker is off by default. */
export async function startBrowser(
  flags: readonly string[] = [],
  { blocksPopups = false }: { blocksPopups?: boolean } = {},
): Promise<Browser> {
  return await chromium.launch({
    executablePath: PATHS.find((path) => existsSync(path))!,
    args: [...FLAGS, ...flags],
    // Enables the back/forward cache, as in an ordinary browser.
    ignoreDefaultArgs: ["--disable-back-forward-cache", ...blocksPopups ? ["--disable-popup-blocking"] : []],
  });
}

/** Opens a page that can connect only to this machine. */
export async function openPage(browser: Browser, options: { colorScheme?: "light" | "dark" } = {}): Promise<Page> {
  const context = await browser.newContext(options);
  await context.route((url) => !["localhost", "127.0.0.1"].includes(url.hostname), (route) => route.abort());
  return await context.newPage();
}

/** Signs in with the forms of oidc-provider, and consents if necessary. */
export async function fillIn(page: Page, user: string): Promise<void> {
  await page.fill('input[name="login"]', user);
  await page.fill('input[name="password"]', "any");
  await page.click('button[type="submit"]');
  await page.click('button[type="submit"]:has-text("Continue")');
}
