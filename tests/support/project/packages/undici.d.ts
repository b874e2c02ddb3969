/** What the documents use of undici. */
export declare class EnvHttpProxyAgent {}
export declare class ProxyAgent {
  constructor(uri: string);
}
export declare class Agent {
  constructor(options: { connect: { ca: string } });
}
export declare const fetch: (
  input: Parameters<typeof globalThis.fetch>[0],
  init?: RequestInit & { dispatcher?: EnvHttpProxyAgent | ProxyAgent | Agent },
) => Promise<Response>;
