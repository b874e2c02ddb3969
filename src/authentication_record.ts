/** Who has signed in: enough to recognise the account, and nothing secret. The same as that of `@azure/identity`. */
export interface AuthenticationRecord {
  /** The host of the token service, such as `"login.microsoftonline.com"`. */
  readonly authority: string;
  /** Identifies the account in its home tenant. */
  readonly homeAccountId: string;
  /** The client id of the app that the user has signed in to. */
  readonly clientId: string;
  /** The tenant that the user has signed in to. */
  readonly tenantId: string;
  /** The user's name, such as `"jo@contoso.com"`. */
  readonly username: string;
}

const VERSION = "1.0";
const MEMBERS = ["authority", "homeAccountId", "clientId", "tenantId", "username"] as const;

/** Returns the record as JSON text, which every Azure Identity library reads. */
export function serializeAuthenticationRecord(record: AuthenticationRecord): string {
  return JSON.stringify({ ...pick(record), version: VERSION });
}

/**
 * Returns the record in a text that an Azure Identity library of any language has written.
 *
 * @throws {TypeError} The text is none, or of another version.
 */
export function deserializeAuthenticationRecord(serializedRecord: string): AuthenticationRecord {
  let value: Partial<Record<string, unknown>> | undefined;
  try {
    value = JSON.parse(serializedRecord);
  } catch {
    // Falls through to the error below.
  }
  if (typeof value !== "object" || value === null) throw new TypeError("An authentication record must be JSON text");
  if (value.version !== undefined && value.version !== VERSION) {
    throw new TypeError(`An authentication record must be of version "${VERSION}"`);
  }
  const record = pick(value);
  // Go writes a URL.
  return { ...record, authority: record.authority.replace(/^https:\/\//, "").split("/")[0]! };
}

/** Throws a `TypeError` unless the value is a record. */
function pick(value: object): AuthenticationRecord {
  return Object.fromEntries(MEMBERS.map((name) => {
    const member: unknown = (value as Record<string, unknown>)[name];
    if (typeof member === "string") return [name, member];
    throw new TypeError(`An authentication record must have a text as "${name}"`);
  })) as unknown as AuthenticationRecord;
}
