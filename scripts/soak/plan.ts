/** What the callers do: see `callers.js`. */
export interface Plan {
  readonly authorityHost: string;
  readonly tenantId: string;
  readonly secret: string;
  /** The client ids. */
  readonly apps: readonly string[];
  readonly resources: readonly string[];
  /** The resource whose callers all have a signal that is aborted from time to time. */
  readonly abortedResource: string;
  readonly seconds: number;
  /** Calls per second. */
  readonly rate: number;
  /** The path of the file for the findings. */
  readonly findings: string;
}

/** What the callers found: see `callers.js`. */
export interface Findings {
  readonly calls: number;
  readonly tokens: number;
  readonly aborted: number;
  readonly expired: number;
  readonly expiredForMs: number;
  readonly wrong: number;
  readonly stuck: number;
  /** Groups of errors: the latest beginning, the earliest end, and one of the messages. */
  readonly errors: readonly {
    readonly from: number;
    readonly to: number;
    readonly count: number;
    readonly message: string;
  }[];
  readonly heap: readonly number[];
  readonly overlap: { readonly common: number; readonly aborted: number };
  readonly requests: number;
  readonly longestInMs: number;
  readonly longestPauseInMs: number;
  readonly listeners: number;
  readonly lastListeners: number;
}
