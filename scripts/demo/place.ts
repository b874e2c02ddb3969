import type { CertificatePaths } from "../../tests/support/certificates/certificate_authority.ts";

/** A simulated environment in which the program of the demo runs. */
export interface Place {
  /** Its name, as in "From … to a stored blob". */
  readonly from: string;
  /** Shell commands that `isolated()` runs in new network and mount namespaces. Default: none. */
  readonly setup?: string;
  /** The host names of its services, besides `localhost`. Default: none. */
  readonly hosts?: readonly string[];
  /** Whether it can also be simulated without `setup`. */
  readonly canDoWithout?: boolean;
  /** Starts its services. */
  start(site: Site): Promise<Started>;
}

/** The argument of {@linkcode Place.start}. */
export interface Site {
  /** A folder for files, which is removed at the end. */
  readonly folder: string;
  /** A certificate for `localhost` and {@linkcode Place.hosts}. */
  readonly paths: CertificatePaths;
  /** The value of `--break`. */
  readonly broken: string | undefined;
  /** Why the commands of `setup` have not been run. */
  readonly whyNot: string | undefined;
}

/** The simulated services that {@linkcode Place.start} has started. */
export interface Started {
  /** A line of output that describes the services. */
  readonly line: string;
  /** The environment variables for the program of the demo. */
  readonly env: Readonly<Record<string, string>>;
  /** The names of the variables whose values are not printed. */
  readonly secret?: readonly string[];
  /** Returns which service received token requests, and how many. */
  summary(): string;
}

/** Returns the text of {@linkcode Started.summary}. */
export function describeRequests(service: string, count: number): string {
  return `${service} received ${count === 1 ? "one token request" : `${count} token requests`}`;
}
