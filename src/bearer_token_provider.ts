import type { AbortSignalLike, TokenCredential } from "./token_credential.ts";

/** Options of {@linkcode getBearerTokenProvider}. */
export interface GetBearerTokenProviderOptions {
  /** Passed to each call of `getToken`. */
  abortSignal?: AbortSignalLike | undefined;
  /** Ignored. Exists for compatibility with `@azure/identity`. */
  tracingOptions?: object | undefined;
}

/**
 * Returns a function that acquires an access token and returns its string, for clients outside the Azure SDK, such as
 * the option `azureADTokenProvider` of `openai`. Each call calls `getToken`, so that the credential caches and
 * refreshes the token.
 *
 * @param credential The credential.
 * @param scopes The scopes of the token, such as `"https://cognitiveservices.azure.com/.default"`.
 * @param options See {@linkcode GetBearerTokenProviderOptions}.
 * @throws {TypeError} The argument `credential` has no method `getToken`.
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
  if (typeof Object(credential).getToken !== "function") {
    throw new TypeError('Argument "credential" must be a credential, with the method "getToken"');
  }
  return async () => {
    const token = await credential.getToken(scopes, {
      enableCae: true,
      ...options.abortSignal && { abortSignal: options.abortSignal },
    });
    if (!token) throw new TypeError("The credential returned no token");
    return token.token;
  };
}
