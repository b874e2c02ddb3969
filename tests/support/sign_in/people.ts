/**
 * Users who sign in at the simulated Entra, and the credentials for them.
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
/** The client id of the Azure CLI, which is the default for users. */
export const DEVELOPERS = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";
export const GRAPH = "https://graph.microsoft.com/User.Read";
export const VAULT = "https://vault.azure.net/.default";

/** A simulated Entra, its clock, and the user who signs in. */
export interface Scene {
  readonly entra: Entra;
  readonly clock: FakeClock;
  /** The user who enters device codes and uses the browser; `null` for a user who declines, `undefined` for no user. */
  visitor: string | null | undefined;
  /** Number of times that the user was prompted. */
  prompts: number;
}

/** Creates an Entra with two users and their apps. */
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

/** Returns the options of a credential of the scene. */
export function optionsOf({ entra, clock }: Scene): ReturnType<typeof isolatedOptions> {
  return isolatedOptions(entra, clock);
}

/** Creates a credential whose device codes the user enters. */
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

/** Signs the user in, and returns the authorization code. */
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

/** Creates a credential of a public app with an authorization code of the user. */
export async function byCode(
  scene: Scene,
  options: AuthorizationCodeCredentialOptions = {},
): Promise<AuthorizationCodeCredential> {
  const all = { ...optionsOf(scene), ...options };
  return new AuthorizationCodeCredential(TENANT, CLIENT, await codeFor(scene), REDIRECT_URI, all);
}

/** A runtime in which delays take no time, and deadlines and the timeouts of attempts are never reached. */
export const HURRIED = {
  sleep: (ms: number): Promise<void> => ms < 10_000 ? Promise.resolve() : new Promise(() => {}),
};

/** Advances the clock until the work has ended. */
export async function settle<T>(work: Promise<T>, { clock }: Pick<Scene, "clock">): Promise<T> {
  let isDone = false;
  const done = work.then(() => {}, () => {}).then(() => void (isDone = true));
  while (!isDone) {
    // Shorter than any deadline or timeout of an attempt, so that neither is reached while other work takes real time.
    const ms = await Promise.race([done, clock.untilSleeping(9_999)]);
    if (ms !== undefined && !isDone) await clock.advance(ms);
  }
  return await work;
}

/** Returns the grants of the requests, in order. */
export function grantsOf({ entra }: Pick<Scene, "entra">): (string | undefined)[] {
  return entra.requests.filter(({ path }) => path.endsWith("/token")).map(({ form }) =>
    form.grant_type?.split(":").at(-1)
  );
}

/** Returns the user of a token. */
export async function ownerOf(
  { entra }: Pick<Scene, "entra">,
  { token }: { readonly token: string },
): Promise<unknown> {
  return (await entra.verify(token)).upn;
}
