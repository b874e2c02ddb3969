/** An event while a token is acquired. Plain data that holds no secret, assertion or token. */
export interface LogEvent {
  /**
   * The kind of event:
   *
   * - `"token-acquired"`: A token was acquired.
   * - `"token-failed"`: The acquisition of a token failed. Not logged if `DefaultAzureCredential` skips the credential
   *   as absent.
   * - `"request-retried"`: A request failed and is sent again.
   * - `"sign-in-wanted"`: The user must sign in.
   * - `"cache-failed"`: The token cache failed.
   * - `"credential-selected"`: A chain has selected this credential.
   * - `"credential-skipped"`: A chain continues with the next credential.
   * - `"credential-failed"`: A chain ends with the error of this credential.
   */
  readonly event:
    | "token-acquired"
    | "token-failed"
    | "request-retried"
    | "sign-in-wanted"
    | "cache-failed"
    | "credential-selected"
    | "credential-skipped"
    | "credential-failed";
  /** The name of the credential, such as `"ClientSecretCredential"`. */
  readonly credential: string;
  /** Describes the event in English. */
  readonly message: string;
  /** The requested scopes. */
  readonly scopes?: readonly string[];
  /** The tenant of the request. */
  readonly tenantId?: string;
  /** The source of a managed identity's token, such as `"App Service"`. */
  readonly source?: string;
  /** The managed identity, such as `"system-assigned identity"` or `'identity with the client id "…"'`. */
  readonly identity?: string;
  /** Duration of the operation, in milliseconds. */
  readonly elapsedInMs?: number;
  /** When the token expires, in milliseconds since the epoch. */
  readonly expiresOnTimestamp?: number;
}

/** Receives log events. An error that it throws is ignored. */
export type Log = (event: LogEvent) => void;
