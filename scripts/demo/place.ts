import type { CertificatePaths } from "../../tests/support/certificates/certificate_authority.ts";

/** Where the program of the demo runs: what stands there, and what the program finds. */
export interface Place {
  /** What it is, as in "From ... to a stored blob". */
  readonly from: string;
  /** Commands that set up a network and folders of the place's own, as `isolated()` takes them. Default: none are needed. */
  readonly setup?: string;
  /** The names of hosts that stand there. Default: none. */
  readonly hosts?: readonly string[];
  /** Whether there is a way without them. */
  readonly canDoWithout?: boolean;
  /** Starts what stands there. */
  start(site: Site): Promise<Started>;
}

/** What there is to build with. */
export interface Site {
  /** For files; removed in the end. */
  readonly folder: string;
  /** A certificate for `localhost` and the hosts of the place. */
  readonly paths: CertificatePaths;
  /** What `--break` says. */
  readonly broken: string | undefined;
  /** Why the commands of `setup` have not been run. */
  readonly whyNot: string | undefined;
}

/** What was started. */
export interface Started {
  /** A line that says what. */
  readonly line: string;
  /** The variables that the program finds. */
  readonly env: Readonly<Record<string, string>>;
  /** Those of them that are not printed. */
  readonly secret?: readonly string[];
  /** Returns, in the end, who was asked for a token, and how often. */
  summary(): string;
}

/** What {@linkcode Started.summary} says. */
export function askedTimes(who: string, count: number): string {
  return `${who} was asked for a token ${count === 1 ? "once" : `${count} times`}`;
}
