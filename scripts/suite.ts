import type { TestFile } from "./test_files.ts";

/** What a runtime is handed. */
export interface Suite {
  /** A folder with the stripped tests, for everything that is written on the way. */
  readonly folder: string;
  /** The chosen test files that run on the runtime of this name. */
  filesFor(runtime: string): readonly TestFile[];
  /** Makes an npm project of the folder, once. */
  install(): Promise<void>;
  /** How long no test may end before the run is cut, in milliseconds. Default: five minutes. */
  readonly silenceInMs?: number | undefined;
}
