/** The configuration of a credential, as far as it can be determined without a request or a process. */
export interface Explanation {
  /**
   * - `"configured"`: The credential has all that it needs.
   * - `"fails"`: The credential is configured, but a value is malformed or missing. A chain ends here with an error.
   * - `"absent"`: The credential is not configured. A chain skips it.
   * - `"inconclusive"`: Only a request or a process can determine it.
   */
  readonly state: "configured" | "fails" | "absent" | "inconclusive";
  /** The configuration that was found, or what is missing and how to provide it. */
  readonly detail: string;
}

/** The {@linkcode Explanation} of a credential in a chain. */
export interface CredentialExplanation extends Explanation {
  /** The name of the credential, such as `"AzureCliCredential"`. */
  readonly credential: string;
}
