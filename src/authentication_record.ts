/**
 * Identifies a signed-in account. It holds no secret, and is the same as the `AuthenticationRecord` of
 * `@azure/identity`.
 */
export interface AuthenticationRecord {
  /** The host of the authority, such as `"login.microsoftonline.com"`. */
  readonly authority: string;
  /** The id of the account in its home tenant. */
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

/**
 * Serializes an authentication record to JSON, in the format of the Azure Identity libraries.
 *
 * @param record The record.
 * @returns A JSON string.
 * @throws {TypeError} A member of the record is not a string.
 */
export function serializeAuthenticationRecord(record: AuthenticationRecord): string {
  return JSON.stringify({ ...pick(record), version: VERSION });
}

/**
 * Deserializes an authentication record that an Azure Identity library, of any language, has serialized.
 *
 * @param serializedRecord A JSON string.
 * @throws {TypeError} The string is not an authentication record, or its version is not supported.
 */
export function deserializeAuthenticationRecord(serializedRecord: string): AuthenticationRecord {
  let value: Partial<Record<string, unknown>> | undefined;
  try {
    value = JSON.parse(serializedRecord);
  } catch {
    // Reported below, like a JSON value that is not an object.
  }
  if (typeof value !== "object" || value === null) {
    throw new TypeError("An authentication record must be a JSON object");
  }
  if (value.version !== undefined && value.version !== VERSION) {
    throw new TypeError(`An authentication record must have the version "${VERSION}"`);
  }
  const record = pick(value);
  // The library for Go writes a URL instead of a host.
  return { ...record, authority: record.authority.replace(/^https:\/\//, "").split("/")[0]! };
}

/**
 * Copies the members of a record.
 *
 * @throws {TypeError} A member is not a string.
 */
function pick(value: object): AuthenticationRecord {
  return Object.fromEntries(MEMBERS.map((name) => {
    const member: unknown = (value as Record<string, unknown>)[name];
    if (typeof member === "string") return [name, member];
    throw new TypeError(`An authentication record must have a string "${name}"`);
  })) as unknown as AuthenticationRecord;
}
