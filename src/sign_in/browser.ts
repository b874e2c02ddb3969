import type { Settings } from "../core/settings.ts";
import { currentPage } from "../runtime/page.ts";
import type { RuntimeOverrides } from "../runtime/runtime.ts";
import type { TokenSet } from "../token_cache.ts";
import type { BrowserSignIn } from "./authorization.ts";
import type { SignIn } from "./session.ts";

/** Signs a user in in the browser that the code runs in, or else in the default browser of the machine. */
export async function signInInBrowser(
  spec: BrowserSignIn,
  wanted: SignIn,
  context: {
    readonly runtime: RuntimeOverrides;
    readonly settings: Settings;
    readonly hasLogger: boolean;
    readonly hasCustomFetch: boolean;
  },
): Promise<TokenSet | undefined> {
  const page = context.runtime.listen ? undefined : currentPage();
  if (page) {
    const { signInInPage } = await import("./page.ts");
    return await signInInPage(spec, wanted, { page, settings: context.settings });
  }
  const { signInByLoopback } = await import("./loopback.ts");
  return await signInByLoopback(spec, wanted, context);
}
