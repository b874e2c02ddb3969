/** Whom a connection over TLS trusts, instead of the certification authorities of the system. */
export interface TlsTrust {
  /** The certificates of the only authorities to trust, as PEM text. */
  readonly ca?: string | undefined;
  /** The name to ask for (SNI), and that the server's certificate has to carry. Default: the URL's host. */
  readonly serverName?: string | undefined;
  /** The SHA-1 digest of the one certificate to trust, 40 hexadecimal digits: neither its issuer nor its name counts then. */
  readonly thumbprint?: string | undefined;
}

/** How a program is started. */
export interface RunOptions {
  /** The folder that it starts in. */
  readonly cwd: string;
  /** Environment variables for it, besides those of this process. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Whether it gets those in `env` and no others. Default: `false`. */
  readonly clearEnv?: boolean | undefined;
  /** Hands on the arguments as they are, on Windows: for `cmd.exe`, which has quotation rules of its own. Default: `false`. */
  readonly windowsVerbatimArguments?: boolean | undefined;
  /**
   * Ends the program when it fires, and whatever it has started, except on Windows, and on Deno without the permission to run all programs; the
   * call then rejects with the signal's reason.
   */
  readonly signal?: AbortSignal | undefined;
}

/** What is left of a program that has ended. */
export interface CommandOutput {
  /** Its exit code; 0 means success. */
  readonly code: number;
  /** What it wrote. */
  readonly stdout: string;
  /** What it had to say besides. */
  readonly stderr: string;
}

/** A server for programs of this machine, browsers above all. */
export interface LoopbackServer {
  /** The port at 127.0.0.1, and at ::1 where the machine has that. */
  readonly port: number;
  /** Stops it. Whoever has sent a whole request gets the whole answer. */
  close(): void;
}

/**
 * What a runtime can do beyond the Web APIs. A member that is absent is a capability that is absent. Hand in members by
 * `options.runtime` to replace what the runtime has, or to add what it lacks.
 */
export interface Runtime {
  /** Returns the value of an environment variable. */
  env(name: string): string | undefined;
  /** Reads a text file. */
  readTextFile?(path: string): Promise<string>;
  /** Whether there is a file that may be read; `undefined` where nobody may look. Asks nobody for permission. */
  fileExists?(path: string): Promise<boolean | undefined>;
  /**
   * Returns the size of a regular file in bytes, without opening it; `Infinity` for a pipe, a device, a symbolic link or a folder. Without
   * this member, the files of a `readTextFile` that is handed in are read whole before their length is checked.
   */
  fileSize?(path: string): Promise<number>;
  /** The operating system, by the names of Node: `"linux"`, `"win32"`, `"darwin"`. */
  readonly platform?: string;
  /**
   * Returns a `fetch` over TLS that trusts only what it is told to trust. It rejects with an error whose `name` is `"UntrustedServer"` where the
   * server's certificate has another thumbprint.
   */
  tlsFetch?(trust: TlsTrust): typeof fetch;
  /**
   * Runs a program to its end: no shell, an absolute path, nothing to read from the standard input. Rejects with an error whose `code`
   * is `"ENOENT"` where there is no such program.
   */
  run?(command: string, args: readonly string[], options: RunOptions): Promise<CommandOutput>;
  /**
   * Serves the loopback addresses of this machine, at a port of its own unless one is given. A body is 64 kB at the most, and nobody may take
   * longer than five seconds to send a request.
   */
  listen?(
    handler: (request: Request) => Response | Promise<Response>,
    port?: number,
  ): Promise<LoopbackServer>;
  /** Shows a page to the user of this machine. Rejects where it cannot. */
  openUrl?(url: string): Promise<void>;
  /** The time, in milliseconds since the epoch. Default: `Date.now`. */
  now(): number;
  /** Resolves after a time in milliseconds; rejects with the signal's reason as soon as the signal fires. Default: `setTimeout`. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Members that replace those of the runtime, or add what it lacks. */
export type RuntimeOverrides = { readonly [Member in keyof Runtime]?: Runtime[Member] | undefined };

export type RuntimeMembers = RuntimeOverrides;
