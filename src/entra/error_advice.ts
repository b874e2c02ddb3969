import { bound } from "../core/bound.ts";
import { errorFromResponse } from "../core/error_response.ts";
import type { HttpResult } from "../core/http.ts";
import type { AuthenticationError } from "../errors.ts";
import { adviceForCause, PORTAL } from "./network_advice.ts";
import type { RejectedRequest } from "./advice.ts";

/** Returns the next step for a request without a complete response; `undefined` for other responses. */
export function networkAdvice({ status, text }: HttpResult): string | undefined {
  if (status !== 0) return undefined;
  return adviceForCause(bound(text)) ?? 'Check the network, and that "fetch" uses the proxy, if there is one';
}

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
  // A page without a connection could not load the module below.
  if (status === 0) return errorFromResponse(response, action, { advice: () => networkAdvice(response), redact });
  // Loaded on demand, because few requests are rejected.
  const { adviseOn } = await import("./advice.ts");
  const adviseOnAssertion = await request?.loadAdvice?.();
  return errorFromResponse(response, action, {
    advice(codes) {
      if (status >= 300 && status < 400) return PORTAL;
      return adviseOnAssertion?.(codes, request!.form) ?? adviseOn(codes, request);
    },
    redact,
  });
}
