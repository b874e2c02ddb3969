import type { AbortSignalLike, TokenCredential } from "./token_credential.ts";

/** Options of {@linkcode getBearerTokenProvider}. */
export interface GetBearerTokenProviderOptions {
  /** Goes to every call of `getToken`. */
  abortSignal?: AbortSignalLike | undefined;
  /** Accepted, so that code for `@azure/identity` compiles; not used. */
  tracingOptions?: object | undefined;
}

/**
 * Returns a function that returns a token's text, as clients outside the Azure SDK take it: `azureADTokenProvider` of `openai`, for one.
 * It asks the credential at each call; the credential remembers.
 *
 * @example
 * ```ts no-eval
 * import { DefaultAzureCredential, getBearerTokenProvider } from "@azweb/identity";
 *
 * const getToken = getBearerTokenProvider(new DefaultAzureCredential(), "https://cognitiveservices.azure.com/.default");
 * await fetch("https://example.openai.azure.com/openai/models?api-version=2024-10-21", {
 *   headers: { authorization: `Bearer ${await getToken()}` },
 * });
 * ```
 */
export function getBearerTokenProvider(
  credential: TokenCredential,
  scopes: string | string[],
  options: GetBearerTokenProviderOptions = {},
): () => Promise<string> {
  return async () => {
    const token = await credential.getToken(scopes, {
      enableCae: true,
      ...options.abortSignal && { abortSignal: options.abortSignal },
    });
    if (!token) throw new TypeError("The credential gave no token");
    return token.token;
  };
}
