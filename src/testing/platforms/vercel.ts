import {
  checkOptions,
  createPlatform,
  issueToken,
  json,
  type PlatformOptions,
  type SimulatedPlatform,
} from "./platform.ts";

const ISSUER = "https://oidc.vercel.com/contoso";
const AUDIENCE = "https://vercel.com/contoso";

/**
 * Creates a simulated deployment on Vercel, with a token in `VERCEL_OIDC_TOKEN` and the endpoint that exchanges it for
 * a token with another audience.
 *
 * @param options See {@linkcode PlatformOptions}. The default subject is that of the production environment of a
 * project.
 * @throws {TypeError} An option is unknown.
 *
 * @see https://vercel.com/docs/oidc
 */
export async function createVercel(options: PlatformOptions = {}): Promise<SimulatedPlatform> {
  checkOptions(options, "createVercel");
  const { subject = "owner:contoso:project:app:environment:production" } = options;
  const spec = { ...options, issuer: ISSUER, subject, lifetimeInS: 3600, host: "oidc.vercel.com", env: {} };
  const token = await issueToken(spec, AUDIENCE);
  return createPlatform({
    ...spec,
    env: { VERCEL: "1", VERCEL_ENV: "production", VERCEL_OIDC_TOKEN: token },
    async respond({ method, path, body, issue }) {
      if (method !== "POST" || path !== "/~token") return json(404, { error: "not_found" });
      const request = JSON.parse(body) as { readonly token?: string; readonly aud?: string };
      if (request.token !== token || !request.aud) return json(401, { error: "invalid_token" });
      return json(200, { token: await issue(request.aud) });
    },
  });
}
