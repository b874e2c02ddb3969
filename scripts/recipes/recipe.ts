import type { Entra } from "@azweb/identity/testing";

/** A project of a framework, with the code of a section of `docs/recipes.md`. */
export interface Recipe {
  /** The heading of the section. Each of its code blocks is the file that its first line names. */
  readonly section: string;
  /** The packages, in the releases that were tried. */
  readonly packages: Readonly<Record<string, string>>;
  /** The files that the section does not show. */
  readonly files: Readonly<Record<string, string>>;
  /** Whether `package.json` makes files CommonJS. Default: `false`. */
  readonly isCommonJs?: boolean;
  /** Builds the project and uses it. Rejects if that fails or if no token arrives. */
  run(project: Project): Promise<void>;
}

/** An installed project. */
export interface Project {
  readonly folder: string;
  /** The simulated Microsoft Entra, to which the programs of the project send the requests for the real one. */
  readonly entra: Entra;
  /** Runs Node to its end and returns the standard output. Rejects if the exit code is not 0. */
  node(args: readonly string[]): Promise<string>;
  /** Runs a server on the free port `PORT` while `use` runs. */
  serve(args: readonly string[], use: (url: string) => Promise<void>): Promise<void>;
}
