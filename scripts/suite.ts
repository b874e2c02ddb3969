import type { TestFile } from "./test_files.ts";

/** What the driver of a runtime gets. */
export interface Suite {
  /** A folder with the tests without types. Drivers may write files to it. */
  readonly folder: string;
  /** Returns the selected test files for the runtime with this name. */
  filesFor(runtime: string): readonly TestFile[];
  /** Makes the folder an npm project, once. */
  install(): Promise<void>;
  /** The time without the end of a test after which the run is cut, in milliseconds. Default: five minutes. */
  readonly silenceInMs?: number | undefined;
}
