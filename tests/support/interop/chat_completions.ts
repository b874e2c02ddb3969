/** Options of {@linkcode createChatCompletions}. */
export interface ChatCompletionsOptions {
  /** The name of the model's deployment. */
  readonly deployment: string;
  /** Checks a token and returns its claims. */
  verify(token: string): Promise<Record<string, unknown>>;
}

/**
 * Responds like a model that is deployed in Azure.
 *
 * https://learn.microsoft.com/azure/ai-foundry/openai/reference#chat-completions
 */
export function createChatCompletions(
  { deployment, verify }: ChatCompletionsOptions,
): (request: Request) => Promise<Response> {
  return async (request) => {
    const [, token = ""] = /^Bearer (.+)/.exec(request.headers.get("authorization") ?? "") ?? [];
    const { aud } = await verify(token).catch((): Record<string, unknown> => ({}));
    if (aud !== "https://cognitiveservices.azure.com") {
      return Response.json({ error: { code: "401", message: "Access denied: the audience is incorrect" } }, {
        status: 401,
      });
    }
    const { pathname, searchParams } = new URL(request.url);
    if (pathname !== `/openai/deployments/${deployment}/chat/completions` || !searchParams.has("api-version")) {
      return Response.json({ error: { code: "404", message: "Resource not found" } }, { status: 404 });
    }
    const { messages } = await request.json();
    const message = { role: "assistant", content: `You ask: ${messages.at(-1).content}` };
    return Response.json({ choices: [{ index: 0, message, finish_reason: "stop" }] });
  };
}
