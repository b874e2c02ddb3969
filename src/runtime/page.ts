/** What a page can do for a sign-in. */
export interface Page {
  /** Where the page is. */
  readonly url: URL;
  /** Whether it is in a window that `openWindow` has opened, and whoever did is still there. */
  readonly isOpened: boolean;
  /** Opens a window of its own at a URL. Returns `undefined` where the browser does not let it. */
  openWindow(url: string): PageWindow | undefined;
  /** Leaves for a URL. */
  leave(url: string): void;
  /** Takes the answer of a sign-in out of the page's address. */
  clean(): void;
  /** Resolves when the page is shown again as it was left. */
  untilRestored(): Promise<void>;
  /** What outlives leaving the page, in this tab alone. `undefined` where the browser lets the page have none. */
  readonly storage: Pick<Storage, "getItem" | "setItem" | "removeItem"> | undefined;
}

/** A window that a page has opened. */
export interface PageWindow {
  /** Whether it is gone. */
  readonly closed: boolean;
  /** Returns where it is; `undefined` where that is no business of this page's. */
  url(): URL | undefined;
  close(): void;
}

/** Stays with a window that knows its opener, wherever it goes. Whoever else gives a window that name keeps people from signing in there. */
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
  /** Whether it was kept alive meanwhile. */
  readonly persisted: boolean;
}

interface OpenWindow {
  readonly closed: boolean;
  readonly location: { readonly href: string };
  close(): void;
}

/** Returns what the page can do that the code runs in; `undefined` where it runs in none. */
export function currentPage(): Page | undefined {
  const page = globalThis as unknown as Global;
  if (page.document === undefined || page.location === undefined) return undefined;
  return {
    url: new URL(page.location.href),
    isOpened: page.name.startsWith(WINDOW_NAME) && page.opener !== null,
    openWindow(url) {
      // A name twice would be the same window twice.
      const opened = page.open(url, WINDOW_NAME + crypto.randomUUID(), "popup,width=480,height=640");
      return opened ? windowOf(opened) : undefined;
    },
    leave: (url) => page.location.assign(url),
    clean() {
      const url = new URL(page.location.href);
      url.hash = "";
      page.history.replaceState(null, "", url.href);
    },
    untilRestored: () =>
      new Promise((resolve) => {
        page.addEventListener("pageshow", function look({ persisted }) {
          if (!persisted) return;
          page.removeEventListener("pageshow", look);
          resolve();
        });
      }),
    get storage() {
      // A sandboxed frame may not even look, nor may a page whose cookies are blocked.
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
    close: () => opened.close(),
  };
}
