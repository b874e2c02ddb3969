/** The part of Hono that examples in the documents use. */
export interface Context<Bindings> {
  readonly env: Bindings;
  json(value: unknown): Response;
}
export declare class Hono<Env extends { Bindings: object } = { Bindings: object }> {
  get(path: string, handler: (context: Context<Env["Bindings"]>) => Response | Promise<Response>): void;
  fetch(request: Request): Response | Promise<Response>;
}
