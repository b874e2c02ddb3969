import { detect } from "./platform.ts";

/** The parts of a page that a sign-in needs. */
export interface Page {
  /** URL of the page. */
  readonly url: URL;
  /** Whether the page is in a window that `openWindow` opened, and its opener still exists. */
  readonly isPopup: boolean;
  /** Opens an empty popup window. Returns `undefined` if the browser blocks it. */
  openWindow(): PageWindow | undefined;
  /** Navigates the page to a URL. */
  navigate(url: string): void;
  /** Removes the authorization response from the URL of the page. */
  clearFragment(): void;
  /** Resolves when the browser restores the page from its back/forward cache. */
  untilBfcacheRestore(): Promise<void>;
  /** Session storage, which survives navigation in this tab; `undefined` if the browser denies it. */
  readonly storage: Pick<Storage, "getItem" | "setItem" | "removeItem"> | undefined;
}

/** A popup window. */
export interface PageWindow {
  /** Whether the window is closed. */
  readonly closed: boolean;
  /** Returns its URL; `undefined` while it shows another origin. */
  url(): URL | undefined;
  /** Navigates the window, which is still empty. */
  navigate(url: string): void;
  close(): void;
}

/** Prefix of a popup's name, which it keeps across navigation. */
const WINDOW_NAME = "azweb-identity-";

interface Global {
  readonly document?: object;
  readonly location: { href: string; assign(url: string): void };
  readonly history: { replaceState(state: unknown, unused: string, url: string): void };
  readonly sessionStorage: Storage;
  readonly name: string;
  readonly opener: object | null;
  open(url: string, target: string, features: string): OpenWindow | null;
  addEventListener(type: "pageshow", listener: (shown: PageShown) => void): void;
  removeEventListener(type: "pageshow", listener: (shown: PageShown) => void): void;
}

interface PageShown {
  /** Whether the page comes from the back/forward cache. */
  readonly persisted: boolean;
}

interface OpenWindow {
  readonly closed: boolean;
  readonly location: { readonly href: string; replace(url: string): void };
  close(): void;
}

/**
 * Returns the page that the code runs in; `undefined` outside of pages. The globals of jsdom and happy-dom are no page,
 * because a program that has them cannot navigate.
 */
export function currentPage(): Page | undefined {
  const page = globalThis as unknown as Global;
  if (page.document === undefined || page.location === undefined || detect() !== "web") return undefined;
  return {
    url: new URL(page.location.href),
    isPopup: page.name.startsWith(WINDOW_NAME) && page.opener !== null,
    openWindow() {
      try {
        // A second window of the same name would replace the first.
        const opened = page.open("about:blank", WINDOW_NAME + crypto.randomUUID(), "popup,width=480,height=640");
        return opened ? windowOf(opened) : undefined;
      } catch {
        // Firefox throws in a sandboxed frame without "allow-popups".
        return undefined;
      }
    },
    navigate: (url) => page.location.assign(url),
    clearFragment() {
      const url = new URL(page.location.href);
      url.hash = "";
      page.history.replaceState(null, "", url.href);
    },
    untilBfcacheRestore: () =>
      new Promise((resolve) => {
        page.addEventListener("pageshow", function onShow({ persisted }) {
          if (!persisted) return;
          page.removeEventListener("pageshow", onShow);
          resolve();
        });
      }),
    get storage() {
      // The getter throws in a sandboxed frame and in a page whose cookies are blocked.
      try {
        return page.sessionStorage;
      } catch {
        return undefined;
      }
    },
  };
}

function windowOf(opened: OpenWindow): PageWindow {
  return {
    get closed() {
      return opened.closed;
    },
    url() {
      try {
        return new URL(opened.location.href);
      } catch {
        return undefined;
      }
    },
    navigate: (url) => opened.location.replace(url),
    close: () => opened.close(),
  };
}
