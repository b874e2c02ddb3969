/**
 * What the recipes check of a running server.
 *
 * @module
 */
import assert from "node:assert/strict";
import { NO_BROWSER, openPage, startBrowser } from "../../tests/support/chromium.ts";
import type { Project } from "./recipe.ts";

/** Checks that a response is the expiry of a token, as JSON or in a paragraph of a page. */
export async function checkToken(url: string): Promise<void> {
  const response = await fetch(url);
  checkExpiry(await response.text());
}

/** Signs a user in by the button of a page, which then shows the expiry of the token in a paragraph. */
export async function checkSignIn({ entra }: Project, url: string): Promise<void> {
  if (NO_BROWSER) throw new Error(NO_BROWSER);
  const browser = await startBrowser();
  try {
    const page = await openPage(browser);
    await page.context().route("https://login.microsoftonline.com/**", async (route) => {
      const request = route.request();
      const response = await entra.fetch(request.url(), {
        method: request.method(),
        headers: request.headers(),
        body: request.postData(),
        redirect: "manual",
      });
      const { status, headers } = response;
      await route.fulfill({ status, headers: Object.fromEntries(headers), body: await response.text() });
    });
    const errors: Error[] = [];
    page.on("pageerror", (error) => errors.push(error));
    await page.goto(url);
    await page.click("button");
    await page.waitForSelector("p").catch((error) => {
      throw new AggregateError(errors, `The page shows no token: ${[error, ...errors].join("\n")}`);
    });
    checkExpiry(await page.content());
  } finally {
    await browser.close();
  }
}

function checkExpiry(text: string): void {
  const [, expiry] = /(?:"expiresOnTimestamp":|<p>)(\d+)/.exec(text) ?? [];
  assert.ok(Number(expiry) > Date.now(), `No expiry of a token: ${text.slice(0, 500)}`);
}
