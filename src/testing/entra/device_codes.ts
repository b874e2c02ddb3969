import { type Directory, findApp, findUser, isPublicClient, required, same } from "./directory.ts";
import { ServiceError } from "./service_error.ts";
import type { TokenRequest } from "./token_request.ts";

const LIFETIME_IN_S = 900;
const INTERVAL_IN_S = 5;
/** Letters and digits that are not mistaken for each other. */
const ALPHABET = "BCDFGHJKLMNPQRSTVWXZ23456789";

/** Returns the body of a device authorization response (RFC 8628, section 3.2). */
export function handleDeviceAuthorizationRequest(
  { form, tenant }: TokenRequest,
  directory: Directory,
): Record<string, unknown> {
  const app = findApp(directory, required(form, "client_id"), tenant);
  if (!isPublicClient(app)) throw new ServiceError(7000218);
  const scope = required(form, "scope");
  const userCode = [...crypto.getRandomValues(new Uint8Array(9))].map((byte) => ALPHABET[byte % ALPHABET.length])
    .join("");
  const deviceCode = `device-${crypto.randomUUID()}`;
  directory.deviceCodes.set(deviceCode, {
    clientId: app.clientId,
    tenant,
    userCode,
    scope,
    expiresOnTimestamp: directory.now() + LIFETIME_IN_S * 1000,
    intervalInMs: INTERVAL_IN_S * 1000,
    lastPolledTimestamp: undefined,
    user: undefined,
  });
  const uri = "https://microsoft.com/devicelogin";
  const number = (value: number) => directory.numbersAsStrings ? String(value) : value;
  return {
    user_code: userCode,
    device_code: deviceCode,
    verification_uri: uri,
    expires_in: number(LIFETIME_IN_S),
    interval: number(INTERVAL_IN_S),
    message: `To sign in, use a web browser to open the page ${uri} and enter the code ${userCode} to authenticate.`,
  };
}

/**
 * Enters a user code.
 *
 * @param username The user who signs in, `null` for a user who declines.
 * @throws {TypeError} The code or the user is unknown.
 */
export function enterUserCode(userCode: string, username: string | null, directory: Directory): void {
  const grant = [...directory.deviceCodes.values()].find((grant) => same(grant.userCode, userCode));
  if (!grant) throw new TypeError(`Unknown user code "${userCode}"`);
  const user = username === null ? null : findUser(directory, username, grant.tenant);
  if (user === undefined) throw new TypeError(`Unknown user "${username}" in the tenant "${grant.tenant}"`);
  grant.user = user;
}
