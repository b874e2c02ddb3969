/**
 * A program in which one user signs in, and another one does not until the deadline. It ends by itself only if no timer
 * or server keeps it alive.
 *
 * @module
 */
import { SCOPE } from "../service.ts";
import { createStage, sendBack } from "./sign_in.ts";

const first = createStage();
const token = first.credential.getToken(SCOPE);
const shown = await first.untilShown();
const page = await sendBack(shown, [["code", "a-code"], ["state", shown.state]]);
await page.text();
console.log(`signed in: ${(await token).token}`);

const second = createStage({ timeoutInMs: 1000 });
const failing = second.credential.getToken(SCOPE).catch(({ name }) => name);
const { redirectUri } = await second.untilShown();
console.log(`port ${new URL(redirectUri).port}`);
console.log(`too late: ${await failing}`);
console.log("the end");
