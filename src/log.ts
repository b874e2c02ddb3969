/** Something that happened on the way to a token. Plain data; never holds a secret, an assertion or a token. */
export interface LogEvent {
  /** What happened. */
  readonly event:
    | "token-acquired"
    | "token-failed"
    | "request-retried"
    | "sign-in-wanted"
    | "cache-failed"
    | "credential-selected"
    | "credential-skipped"
    | "credential-failed";
  /** Which credential it happened to, such as `"ClientSecretCredential"`. */
  readonly credential: string;
  /** The same in words. */
  readonly message: string;
  /** The scopes that were asked for. */
  readonly scopes?: readonly string[];
  /** The tenant that was asked. */
  readonly tenantId?: string;
  /** How long it took, in milliseconds. */
  readonly elapsedInMs?: number;
  /** When the token ends, in milliseconds since the epoch. */
  readonly expiresOnTimestamp?: number;
}

/** Receives log events. What it throws is ignored. */
export type Log = (event: LogEvent) => void;
