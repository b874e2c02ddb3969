import type { TestFile } from "./test_files.ts";

/** The argument of the function that runs the tests on a runtime. */
export interface Suite {
  /** A folder with the test files, whose types are removed. The function may write files to it. */
  readonly folder: string;
  /** Returns the selected test files for the runtime with this name. */
  filesFor(runtime: string): readonly TestFile[];
  /** Makes the folder an npm project, once. */
  install(): Promise<void>;
  /** The time without the end of a test after which the run is cut, in milliseconds. Default: five minutes. */
  readonly silenceInMs?: number | undefined;
}
