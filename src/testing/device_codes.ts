import { type Directory, findApp, findUser, isPublic, required, same } from "./directory.ts";
import { Refusal } from "./refusal.ts";
import type { TokenCall } from "./user_grants.ts";

const LIFETIME_IN_S = 900;
const INTERVAL_IN_S = 5;
/** Without letters that are taken for others. */
const LETTERS = "BCDFGHJKLMNPQRSTVWXZ23456789";

/** Answers with a device code (RFC 8628, section 3.2). */
export function answerDeviceCall({ form, tenant }: TokenCall, directory: Directory): Record<string, unknown> {
  const app = findApp(directory, required(form, "client_id"), tenant);
  if (!isPublic(app)) throw new Refusal(7000218);
  const scope = required(form, "scope");
  const userCode = [...crypto.getRandomValues(new Uint8Array(9))].map((byte) => LETTERS[byte % LETTERS.length]).join(
    "",
  );
  const deviceCode = `device-${crypto.randomUUID()}`;
  directory.deviceCodes.set(deviceCode, {
    clientId: app.clientId,
    tenant,
    userCode,
    scope,
    expiresOnTimestamp: directory.now() + LIFETIME_IN_S * 1000,
    intervalInMs: INTERVAL_IN_S * 1000,
    askedOnTimestamp: undefined,
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

/** Has a user enter a code, or decline for `null`. Throws a `TypeError` for a code or a user that there is not. */
export function enterUserCode(userCode: string, username: string | null, directory: Directory): void {
  const grant = [...directory.deviceCodes.values()].find((grant) => same(grant.userCode, userCode));
  if (!grant) throw new TypeError(`There is no device code that is entered as "${userCode}"`);
  const user = username === null ? null : findUser(directory, username, grant.tenant);
  if (user === undefined) throw new TypeError(`There is no user "${username}" in the tenant "${grant.tenant}"`);
  grant.user = user;
}
