import { errorFromResponse } from "../core/error_response.ts";
import type { HttpResult } from "../core/http.ts";
import type { AuthenticationError } from "../errors.ts";
import type { RejectedRequest } from "./advice.ts";

/** Returns the error for a failed request to Microsoft Entra, with the next step. */
export async function entraError(
  response: HttpResult,
  action: string,
  { redact = String, request }: {
    readonly redact?: (text: string) => string;
    /** The token request that was rejected. */
    readonly request?: RejectedRequest;
  } = {},
): Promise<AuthenticationError> {
  const { status } = response;
  // Loaded on demand, because few requests are rejected. Without a connection, it might not be loaded.
  const { adviseOn } = status === 0 ? {} as Partial<typeof import("./advice.ts")> : await import("./advice.ts");
  return errorFromResponse(response, action, {
    advice: (codes) =>
      adviseOn ? adviseOn(codes, request) : 'Check the network, and that "fetch" uses the proxy, if there is one',
    redact,
  });
}
