import type { Settings } from "../core/settings.ts";
import { currentPage } from "../runtime/page.ts";
import type { RuntimeOverrides } from "../runtime/runtime.ts";
import type { TokenSet } from "../token_cache.ts";
import type { BrowserSignIn } from "./authorization.ts";
import type { SignIn } from "./user_session.ts";

/** Has the user sign in in the browser that the code runs in, or else in that of the machine. */
export async function signInInBrowser(
  spec: BrowserSignIn,
  wanted: SignIn,
  place: {
    readonly runtime: RuntimeOverrides;
    readonly settings: Settings;
    readonly isHeard: boolean;
    readonly ownFetch: boolean;
  },
): Promise<TokenSet | undefined> {
  const page = place.runtime.listen ? undefined : currentPage();
  if (page) {
    const { signInInPage } = await import("./sign_in_in_page.ts");
    return await signInInPage(spec, wanted, { page, settings: place.settings });
  }
  const { signInByLoopback } = await import("./sign_in_by_loopback.ts");
  return await signInByLoopback(spec, wanted, place);
}
