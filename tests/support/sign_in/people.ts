/**
 * People who sign in at the simulated Entra, and credentials that wait for them.
 *
 * @module
 */
import {
  AuthorizationCodeCredential,
  type AuthorizationCodeCredentialOptions,
  DeviceCodeCredential,
  type DeviceCodeCredentialOptions,
} from "@azweb/identity";
import { createEntra, createFakeClock, type Entra, type EntraOptions, type FakeClock } from "@azweb/identity/testing";
import { CLIENT, isolatedOptions, TENANT } from "../service.ts";

export const OTHER_TENANT = "fabrikam.onmicrosoft.com";
export const ADA = "ada@contoso.com";
export const BOB = "bob@contoso.com";
export const WEB_APP = "a-web-app";
export const SECRET = "a-secret";
export const REDIRECT_URI = "https://app.example/signed-in";
/** The Azure CLI's client id, by which people sign in where no app is named. */
export const DEVELOPERS = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";
export const GRAPH = "https://graph.microsoft.com/User.Read";
export const VAULT = "https://vault.azure.net/.default";

/** An Entra, the clock that it and the credentials go by, and who is there to sign in. */
export interface Scene {
  readonly entra: Entra;
  readonly clock: FakeClock;
  /** Who enters device codes and sits before the browser; `null` for somebody who declines, `undefined` for nobody. */
  visitor: string | null | undefined;
  /** How often somebody was asked for. */
  prompts: number;
}

/** Makes an Entra with two users and their apps. */
export function createScene(options: EntraOptions = {}): Scene {
  const clock = createFakeClock();
  const entra = createEntra({
    apps: [
      { tenantId: TENANT, clientId: CLIENT },
      { tenantId: TENANT, clientId: DEVELOPERS },
      { tenantId: TENANT, clientId: WEB_APP, secrets: [SECRET] },
      { tenantId: OTHER_TENANT, clientId: CLIENT },
    ],
    users: [ADA, BOB].map((username) => ({ tenantId: TENANT, username, password: "a-password" })),
    now: clock.now,
    ...options,
  });
  return { entra, clock, visitor: ADA, prompts: 0 };
}

/** Returns what a credential of the scene is given. */
export function optionsOf({ entra, clock }: Scene): ReturnType<typeof isolatedOptions> {
  return isolatedOptions(entra, clock);
}

/** A credential whose codes the visitor enters. */
export function byDeviceCode(scene: Scene, options: DeviceCodeCredentialOptions = {}): DeviceCodeCredential {
  return new DeviceCodeCredential({
    tenantId: TENANT,
    clientId: CLIENT,
    userPromptCallback({ userCode }) {
      scene.prompts++;
      if (scene.visitor !== undefined) scene.entra.enterUserCode(userCode, scene.visitor);
    },
    ...optionsOf(scene),
    ...options,
  });
}

/** Has the visitor sign in, and returns the code. */
export async function codeFor(scene: Scene, parameters: Record<string, string> = {}): Promise<string> {
  const { entra, visitor } = scene;
  scene.prompts++;
  entra.signInAs(visitor);
  const query = new URLSearchParams({
    client_id: CLIENT,
    response_type: "code",
    redirect_uri: REDIRECT_URI,
    scope: `${GRAPH} openid profile offline_access`,
    ...parameters,
  });
  const url = `https://login.microsoftonline.com/${TENANT}/oauth2/v2.0/authorize?${query}`;
  const response = await entra.fetch(url, { redirect: "manual" });
  return new URL(response.headers.get("location")!).searchParams.get("code")!;
}

/** A credential of a public app with a code of the visitor's. */
export async function byCode(
  scene: Scene,
  options: AuthorizationCodeCredentialOptions = {},
): Promise<AuthorizationCodeCredential> {
  const all = { ...optionsOf(scene), ...options };
  return new AuthorizationCodeCredential(TENANT, CLIENT, await codeFor(scene), REDIRECT_URI, all);
}

/** A runtime that waits for nothing, except for deadlines and time limits of attempts, which never come. */
export const HURRIED = {
  sleep: (ms: number): Promise<void> => ms < 10_000 ? Promise.resolve() : new Promise(() => {}),
};

/** Lets time pass until the work is done. */
export async function settle<T>(work: Promise<T>, { clock }: Pick<Scene, "clock">): Promise<T> {
  let isDone = false;
  const done = work.then(() => {}, () => {}).then(() => void (isDone = true));
  while (!isDone) {
    // Shorter than a deadline and the time limit of an attempt: neither may come early because something else takes time.
    const ms = await Promise.race([done, clock.untilSleeping(9_999)]);
    if (ms !== undefined && !isDone) await clock.advance(ms);
  }
  return await work;
}

/** The grants of what was asked, in order. */
export function grantsOf({ entra }: Pick<Scene, "entra">): (string | undefined)[] {
  return entra.requests.filter(({ path }) => path.endsWith("/token")).map(({ form }) =>
    form.grant_type?.split(":").at(-1)
  );
}

/** Whose a token is. */
export async function ownerOf(
  { entra }: Pick<Scene, "entra">,
  { token }: { readonly token: string },
): Promise<unknown> {
  return (await entra.verify(token)).upn;
}
