/** What is known of a credential without a request or a process, in the words of its outcomes. */
export interface Explanation {
  /**
   * - `"configured"`: everything that it needs was found.
   * - `"fails"`: it is configured, and something that it needs is malformed or missing. A chain ends here with an error.
   * - `"absent"`: nothing configures it. A chain skips it.
   * - `"inconclusive"`: only a request or a process can tell.
   */
  readonly state: "configured" | "fails" | "absent" | "inconclusive";
  /** What was found, or what is missing and what to do. */
  readonly detail: string;
}

/** What is known of one credential of a chain without a request or a process. */
export interface CredentialExplanation extends Explanation {
  /** Its name. */
  readonly credential: string;
}
