/**
 * A page that is simulated by a few globals. It records how a sign-in changes its URL, storage and windows.
 *
 * @module
 */

/** The state of a page. */
export interface FakePage {
  /** The URL. Setting it loads another page in the same tab. */
  href: string;
  /** The session storage, which remains after a navigation. */
  readonly storage: Map<string, string>;
  /** The listeners of `pageshow`. */
  readonly listeners: ReadonlySet<PageShowListener>;
  /** The windows that the page has opened, in order. */
  readonly windows: readonly FakeWindow[];
  /** Whether its popup blocker blocks all windows. */
  blocksWindows: boolean;
  /** The number of windows that it has blocked. */
  blockedWindows: number;
  /** Resolves with the URL of the next navigation or window. */
  untilShown(): Promise<string>;
  /** Removes the globals. */
  close(): void;
}

type PageShowListener = (shown: { readonly persisted: boolean }) => void;

/** A window that the page has opened. */
export interface FakeWindow {
  /** The URL; empty while the window is at another origin, which the page cannot read. */
  href: string;
  closed: boolean;
}

/** Simulates a page while `use` runs. */
export async function inPage(href: string, use: (page: FakePage) => Promise<void>): Promise<void> {
  return await withPage(openPage(href), use);
}

/** Gives a program the globals of a page while `use` runs, as jsdom and happy-dom do. */
export async function inSimulatedPage(href: string, use: (page: FakePage) => Promise<void>): Promise<void> {
  return await withPage(openPage(href, {}), use);
}

async function withPage(page: FakePage, use: (page: FakePage) => Promise<void>): Promise<void> {
  try {
    await use(page);
  } finally {
    page.close();
  }
}

/** Removes the globals by which the library detects a program instead of a page. */
const NO_PROGRAM = { Deno: undefined, process: undefined };

/** Simulates a page until it is closed. */
export function openPage(href: string, others: Readonly<Record<string, unknown>> = NO_PROGRAM): FakePage {
  const storage = new Map<string, string>();
  const listeners: Set<PageShowListener> = new Set();
  const windows: FakeWindow[] = [];
  let show: (url: string) => void = () => {};
  const page: FakePage = {
    href,
    storage,
    listeners,
    windows,
    blocksWindows: false,
    blockedWindows: 0,
    untilShown: () => new Promise((resolve) => show = resolve),
    close() {
      for (const [name, descriptor] of before) {
        if (descriptor) Object.defineProperty(globalThis, name, descriptor);
        else Reflect.deleteProperty(globalThis, name);
      }
    },
  };
  const globals = {
    ...others,
    document: {},
    name: "",
    opener: null,
    addEventListener: (_: string, listener: PageShowListener) => void listeners.add(listener),
    removeEventListener: (_: string, listener: PageShowListener) => void listeners.delete(listener),
    location: {
      get href() {
        return page.href;
      },
      assign: (url: string) => show(url),
    },
    history: { replaceState: (_state: unknown, _unused: string, url: string) => void (page.href = url) },
    sessionStorage: {
      getItem: (name: string) => storage.get(name) ?? null,
      setItem: (name: string, value: string) => void storage.set(name, value),
      removeItem: (name: string) => void storage.delete(name),
    },
    open(url: string) {
      if (page.blocksWindows) {
        page.blockedWindows++;
        return null;
      }
      const opened = { href: url, closed: false };
      windows.push(opened);
      return {
        get closed() {
          return opened.closed;
        },
        location: {
          get href() {
            return opened.href;
          },
          replace(url: string) {
            opened.href = "";
            show(url);
          },
        },
        close: () => void (opened.closed = true),
      };
    },
  };
  const before = Object.keys(globals).map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)] as const);
  for (const [name, value] of Object.entries(globals)) {
    Object.defineProperty(globalThis, name, { value, configurable: true });
  }
  return page;
}
