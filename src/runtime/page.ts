/** The page that the code runs in, as a sign-in needs it. */
export interface Page {
  /** The URL of the page. */
  readonly url: URL;
  /** Whether the page is in a window that `openWindow` has opened, and that still has its opener. */
  readonly isOpened: boolean;
  /** Opens a popup window at a URL. Returns `undefined` if the browser blocks it. */
  openWindow(url: string): PageWindow | undefined;
  /** Navigates the page to a URL. */
  leave(url: string): void;
  /** Removes the fragment, with the authorization response, from the URL of the page. */
  clean(): void;
  /** Resolves when the page is restored from the back/forward cache. */
  untilRestored(): Promise<void>;
  /** The session storage of the tab; `undefined` if the browser denies access to it. */
  readonly storage: Pick<Storage, "getItem" | "setItem" | "removeItem"> | undefined;
}

/** A window that a page has opened. */
export interface PageWindow {
  /** Whether the window is closed. */
  readonly closed: boolean;
  /** Returns the URL of the window; `undefined` while it is at another origin. */
  url(): URL | undefined;
  close(): void;
}

/**
 * Prefix of the names of popup windows. A window keeps its name when it navigates. A page must not give such a name to other windows: no user could
 * sign in there.
 */
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
  readonly location: { readonly href: string };
  close(): void;
}

/** Returns the page that the code runs in; `undefined` if it runs in none. */
export function currentPage(): Page | undefined {
  const page = globalThis as unknown as Global;
  if (page.document === undefined || page.location === undefined) return undefined;
  return {
    url: new URL(page.location.href),
    isOpened: page.name.startsWith(WINDOW_NAME) && page.opener !== null,
    openWindow(url) {
      // A unique name, because a browser reuses the window that has the name.
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
        page.addEventListener("pageshow", function onShown({ persisted }) {
          if (!persisted) return;
          page.removeEventListener("pageshow", onShown);
          resolve();
        });
      }),
    get storage() {
      // Throws in a sandboxed frame, and if cookies are blocked.
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
