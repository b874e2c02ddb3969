import { digest, encodeHex } from "../core/encoding.ts";

/** Credentials of AWS, as its SDKs return them. */
export interface AwsCredentials {
  /** The id of the access key. */
  readonly accessKeyId: string;
  /** The secret access key. */
  readonly secretAccessKey: string;
  /** The session token of temporary credentials. */
  readonly sessionToken?: string | undefined;
}

/** A request to sign: a `POST` without a query. */
export interface AwsRequest {
  readonly url: URL;
  readonly contentType?: string;
  readonly body: string;
  readonly region: string;
  readonly service: string;
  /** The current time, in milliseconds since the epoch. */
  readonly now: number;
}

const ALGORITHM = "AWS4-HMAC-SHA256";

/**
 * Returns the headers of a signed request (Signature Version 4), without `Host`, which `fetch` adds.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
export async function signAwsRequest(
  { url, contentType, body, region, service, now }: AwsRequest,
  { accessKeyId, secretAccessKey, sessionToken }: AwsCredentials,
): Promise<Record<string, string>> {
  const time = new Date(now).toISOString().replace(/[:-]|\.\d{3}/g, "");
  const date = time.slice(0, 8);
  // In alphabetical order, as the signature needs it.
  const headers: Record<string, string> = {
    ...contentType !== undefined && { "content-type": contentType },
    host: url.host,
    "x-amz-date": time,
    ...sessionToken && { "x-amz-security-token": sessionToken },
  };
  const names = Object.keys(headers).join(";");
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`).join("");
  const request = ["POST", url.pathname, "", lines, names, encodeHex(await digest(body))].join("\n");
  const scope = `${date}/${region}/${service}/aws4_request`;
  const text = [ALGORITHM, time, scope, encodeHex(await digest(request))].join("\n");
  let key: Uint8Array<ArrayBuffer> = new TextEncoder().encode(`AWS4${secretAccessKey}`);
  for (const part of [...scope.split("/"), text]) key = await hmac(key, part);
  const { host: _host, ...others } = headers;
  const signature = encodeHex(key);
  return {
    ...others,
    authorization: `${ALGORITHM} Credential=${accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`,
  };
}

async function hmac(key: Uint8Array<ArrayBuffer>, data: string): Promise<Uint8Array<ArrayBuffer>> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const imported = await crypto.subtle.importKey("raw", key, algorithm, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, new TextEncoder().encode(data)));
}
