/**
 * Assertions, and simulated platforms that issue them to sources. The module runs on all runtimes.
 *
 * @module
 */
import type * as federation from "@azweb/identity/federation";
import type { AssertionSource, AssertionSourceOptions } from "@azweb/identity/federation";
import { createService, isolatedOptions, type Service } from "../service.ts";

export const AUDIENCE = "api://AzureADTokenExchange";
/** The time of the tests, in milliseconds since the epoch. */
export const NOW: number = Date.UTC(2030, 0, 1, 12);

/** Encodes a JWT without a valid signature, which expires in five minutes. */
export function jwtOf(claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}): string {
  const iat = NOW / 1000;
  const all = { iss: "https://issuer.example", sub: "a-subject", aud: AUDIENCE, iat, exp: iat + 300, ...claims };
  return [{ typ: "JWT", alg: "RS256", kid: "a-key", ...header }, all].map((part) =>
    btoa(String.fromCharCode(...new TextEncoder().encode(JSON.stringify(part)))).replaceAll("+", "-").replaceAll(
      "/",
      "_",
    ).replaceAll("=", "")
  ).join(".") + ".c2lnbmF0dXJl";
}

/** Returns the options of a source that sends its requests to the service, and reads no variable of the process. */
export function sourceOptions(
  service: Pick<Service, "fetch">,
  env: Record<string, string> = {},
): AssertionSourceOptions {
  const { fetch, localFetch, retryOptions } = isolatedOptions(service);
  return { fetch, localFetch, retryOptions, env, runtime: { now: () => NOW } };
}

/** The name of a function that returns a source. */
export type SourceName = Extract<keyof typeof federation, `from${string}`>;

/** A source that sends a request to its platform. */
export interface RequestingSource {
  readonly name: string;
  /** The name of its function. */
  readonly from: SourceName;
  /** The name of its assertion in messages. */
  readonly label: string;
  /** The environment of a job. */
  readonly env: Record<string, string>;
  readonly create: (options: AssertionSourceOptions) => AssertionSource;
  /** Returns the response of the platform with an assertion. */
  readonly respond: (jwt: string) => Response;
  /** Secrets of the environment, which no message may contain. */
  readonly secrets: readonly string[];
  /** Whether it needs no variables. */
  readonly isAmbient?: boolean;
  /** Whether the platform determines the audience. */
  readonly hasOwnAudience?: boolean;
}

/** Creates a platform with the given response, and a source that requests assertions from it. */
export function createPlatform(
  { create, env }: RequestingSource,
  respond: () => unknown,
): { readonly source: AssertionSource; readonly service: Service } {
  const service = createService(respond);
  return { source: create(sourceOptions(service, env)), service };
}
