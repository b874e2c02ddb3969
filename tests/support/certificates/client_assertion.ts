import {
  type CertificateConfiguration,
  ClientCertificateCredential,
  type ClientCertificateCredentialOptions,
} from "@azweb/identity";
import { decodeProtectedHeader, importX509, type JWTHeaderParameters, type JWTPayload, jwtVerify } from "jose";

export const CLIENT_ID = "11111111-1111-1111-1111-111111111111";
export const TENANT_ID = "22222222-2222-2222-2222-222222222222";
export const SCOPE = "https://storage.azure.com/.default";

/** Returns the `fetch` of a token service that accepts any request, and the forms that it received. */
export function createRecorder(): { forms: URLSearchParams[]; fetch: typeof fetch } {
  const forms: URLSearchParams[] = [];
  return {
    forms,
    fetch: async (input, init) => {
      forms.push(new URLSearchParams(await new Request(input, init).text()));
      return Response.json({ access_token: "a-token", token_type: "Bearer", expires_in: 3600 });
    },
  };
}

/** Gets a token with a certificate, from a service that accepts any request. Returns the client assertion. */
export async function assertionOf(
  configuration: CertificateConfiguration,
  options: ClientCertificateCredentialOptions = {},
  tenantId: string = TENANT_ID,
): Promise<string> {
  const { forms, fetch } = createRecorder();
  const all = { env: {}, cache: false as const, fetch, ...options };
  await new ClientCertificateCredential(tenantId, CLIENT_ID, configuration, all).getToken(SCOPE);
  return forms[0]!.get("client_assertion")!;
}

/** Returns the header and the claims of a client assertion, after `jose` has verified its signature. */
export async function verify(
  assertion: string,
  certificate: string,
  now: number = Date.now(),
): Promise<{ header: JWTHeaderParameters; payload: JWTPayload }> {
  const key = await importX509(
    certificate.slice(certificate.indexOf("-----BEGIN CERT")),
    decodeProtectedHeader(assertion).alg!,
  );
  const { protectedHeader, payload } = await jwtVerify(assertion, key, { currentDate: new Date(now) });
  return { header: protectedHeader, payload };
}
