/** What is known of a credential without a request or a process. */
export interface Explanation {
  /**
   * `"configured"`: all that it needs is there. `"missing"`: something is not, so that a chain passes it over. `"unknown"`: only a request or a
   * process can tell.
   */
  readonly state: "configured" | "missing" | "unknown";
  /** What is there, or what is missing and what to do. */
  readonly detail: string;
}

/** What is known of one credential of a chain without a request or a process. */
export interface CredentialExplanation extends Explanation {
  /** Its name. */
  readonly credential: string;
}
