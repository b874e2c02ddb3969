/**
 * A page that is no more than a few globals: what a sign-in does to its address, its storage and its windows can be seen.
 *
 * @module
 */

/** What became of a page. */
export interface FakePage {
  /** Where it is; to set it is to load another page of the same tab. */
  href: string;
  /** What outlives leaving it. */
  readonly storage: Map<string, string>;
  /** Who listens to `pageshow`. */
  readonly listeners: ReadonlySet<PageShowListener>;
  /** The windows that it has opened, in order. */
  readonly windows: readonly FakeWindow[];
  /** Whether its popup blocker lets no window through. */
  blocksWindows: boolean;
  /** How many it has blocked. */
  blockedWindows: number;
  /** Resolves with where it is left for, or what the next window is sent to. */
  untilShown(): Promise<string>;
  /** Takes its globals away. */
  close(): void;
}

type PageShowListener = (shown: { readonly persisted: boolean }) => void;

/** A window that the page has opened. */
export interface FakeWindow {
  /** Where it is; empty while it is at another origin, which nobody may know. */
  href: string;
  closed: boolean;
}

/** Has the code run in a page while `use` does. */
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

/** A page has no runtime of programs. */
const NO_PROGRAM = { Deno: undefined, process: undefined };

/** Has the code run in a page until that is closed. */
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
