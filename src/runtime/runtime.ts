/** The servers that a TLS connection trusts, instead of those with a certificate of one of the system's authorities. */
export interface TlsTrust {
  /** The certificates of the only authorities to trust, in PEM format. */
  readonly ca?: string | undefined;
  /**
   * The server name to send (SNI), which the certificate of the server must have.
   *
   * @default The host of the URL.
   */
  readonly serverName?: string | undefined;
  /**
   * The SHA-1 digest of the only certificate to trust, as 40 hexadecimal digits. Its issuer and its name are not
   * checked.
   */
  readonly thumbprint?: string | undefined;
}

/** Options of {@linkcode Runtime.run}. */
export interface RunOptions {
  /** The working directory of the program. */
  readonly cwd: string;
  /** Environment variables of the program, in addition to those of this process. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /**
   * Whether the program gets the variables of `env` only.
   *
   * @default {false}
   */
  readonly clearEnv?: boolean | undefined;
  /**
   * Whether the arguments are passed on without quoting on Windows, for `cmd.exe`, which has its own quoting rules.
   *
   * @default {false}
   */
  readonly windowsVerbatimArguments?: boolean | undefined;
  /**
   * Ends the program when the signal is aborted; the call then rejects with the signal's reason. The programs that it
   * has started end as well, except on Windows, and on Deno without the permission to run all programs.
   */
  readonly signal?: AbortSignal | undefined;
}

/** The result of a program that has ended. */
export interface CommandOutput {
  /** The exit code; 0 means success. */
  readonly code: number;
  /** The text of the standard output. */
  readonly stdout: string;
  /** The text of the standard error. */
  readonly stderr: string;
}

/** A server at the loopback addresses of this machine. */
export interface LoopbackServer {
  /** The port at 127.0.0.1, and at ::1 if the machine has that address. */
  readonly port: number;
  /** Stops the server. Requests that have been received get their whole response. */
  close(): void;
}

/**
 * The capabilities of a runtime beyond the Web APIs. If the runtime lacks a capability, the member is absent. Pass
 * members as `options.runtime` to replace capabilities of the runtime, or to add missing ones.
 */
export interface Runtime {
  /** Returns the value of an environment variable. */
  env(name: string): string | undefined;
  /** Reads a text file. */
  readTextFile?(path: string): Promise<string>;
  /** Reads the bytes of a file. If only `readTextFile` is overridden, PKCS#12 files cannot be read. */
  readFile?(path: string): Promise<Uint8Array>;
  /** Whether there is a file that may be read; `undefined` if that may not be known. Never prompts for a permission. */
  fileExists?(path: string): Promise<boolean | undefined>;
  /**
   * Returns the size of a regular file in bytes, without opening it; `Infinity` for a pipe, a device, a symbolic link
   * or a folder. If only `readTextFile` is overridden, files are read as a whole before their length is checked.
   */
  fileSize?(path: string): Promise<number>;
  /** The name of the operating system in Node, such as `"linux"`, `"win32"` or `"darwin"`. */
  readonly platform?: string;
  /**
   * Returns a `fetch` over TLS that trusts the given servers only. It rejects with an error whose `name` is
   * `"UntrustedServer"` if the certificate of the server has another thumbprint.
   */
  tlsFetch?(trust: TlsTrust): typeof fetch;
  /**
   * Runs a program, given by its absolute path, to its end, without a shell and with an empty standard input. Rejects
   * with an error whose `code` is `"ENOENT"` if there is no such program.
   */
  run?(command: string, args: readonly string[], options: RunOptions): Promise<CommandOutput>;
  /**
   * Listens on the loopback addresses of this machine, at a free port unless one is given. The body of a request is 64
   * KiB at most, and a request must be received within five seconds.
   */
  listen?(
    handler: (request: Request) => Response | Promise<Response>,
    port?: number,
  ): Promise<LoopbackServer>;
  /** Opens a URL in the browser of the user. Rejects if it cannot. */
  openUrl?(url: string): Promise<void>;
  /**
   * Returns the time, in milliseconds since the epoch.
   *
   * @default {Date.now}
   */
  now(): number;
  /**
   * Resolves after a time in milliseconds; rejects with the signal's reason when the signal is aborted.
   *
   * @default {setTimeout}
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Members that replace those of the runtime, or add what it lacks. */
export type RuntimeOverrides = { readonly [Member in keyof Runtime]?: Runtime[Member] | undefined };
