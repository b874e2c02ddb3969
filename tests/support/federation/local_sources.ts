/**
 * Every source that gets its assertion from the machine or from a callback: portable.
 *
 * @module
 */
import {
  type AssertionSource,
  type AssertionSourceOptions,
  fromCircleCI,
  fromCommand,
  fromCredential,
  fromDenoDeploy,
  fromEnvironmentVariable,
  fromGitLab,
  fromPlatform,
  fromPrivateKey,
  fromTokenFile,
  fromVercel,
} from "@azweb/identity/federation";
import { jwtOf, type SourceName } from "./assertions.ts";

/** A source that gets its assertion without a request of its own. */
export interface LocalSource {
  readonly name: string;
  /** The name of its function. */
  readonly from: SourceName;
  /** Returns the source of an assertion. */
  readonly create: (get: () => Promise<string>, options: AssertionSourceOptions) => AssertionSource;
}

/** The sources whose assertion is in a variable, which is read at each call. */
export const VARIABLE_SOURCES: readonly (Pick<LocalSource, "name" | "from"> & {
  readonly create: (text: string, options: AssertionSourceOptions) => AssertionSource;
})[] = [
  {
    name: "a variable",
    from: "fromEnvironmentVariable",
    create: (A_TOKEN, options) => fromEnvironmentVariable("A_TOKEN", { ...options, env: { A_TOKEN } }),
  },
  {
    name: "GitLab",
    from: "fromGitLab",
    create: (ID_TOKEN, options) => fromGitLab({ ...options, env: { GITLAB_CI: "true", ID_TOKEN } }),
  },
  {
    name: "the platform",
    from: "fromPlatform",
    create: (ARM_OIDC_TOKEN, options) => fromPlatform({ ...options, env: { ARM_OIDC_TOKEN } }),
  },
  {
    name: "Vercel, before its exchange",
    from: "fromVercel",
    create: (VERCEL_OIDC_TOKEN, options) => fromVercel({ ...options, env: { VERCEL_OIDC_TOKEN }, audience: "team" }),
  },
];

/** The sources that wait for their assertion. */
export const WAITING_SOURCES: readonly LocalSource[] = [
  {
    name: "a file",
    from: "fromTokenFile",
    create: (get, options) =>
      fromTokenFile("/token", { ...options, runtime: { ...options.runtime, readTextFile: get } }),
  },
  {
    name: "a program",
    from: "fromCommand",
    create: (get, options) => fromCommand("agent", [], withProgram(get, options)),
  },
  {
    name: "CircleCI",
    from: "fromCircleCI",
    create: (get, options) => {
      const { env, ...others } = withProgram(get, options);
      return fromCircleCI({ ...others, env: { ...env, CIRCLECI: "true", CIRCLE_OIDC_TOKEN: jwtOf() } });
    },
  },
  {
    name: "a credential",
    from: "fromCredential",
    create: (get, options) =>
      fromCredential({ getToken: async () => ({ token: await get(), expiresOnTimestamp: Infinity }) }, options),
  },
  {
    name: "Deno Deploy",
    from: "fromDenoDeploy",
    create: (getIdToken, options) => fromDenoDeploy({ ...options, getIdToken }),
  },
];

/** The source that signs its assertions itself. */
export const SIGNING_SOURCE: LocalSource = {
  name: "a private key",
  from: "fromPrivateKey",
  create: (get, options) =>
    fromPrivateKey({
      ...options,
      issuer: "https://issuer.example",
      subject: "a-subject",
      keyId: "a-key",
      key: async () => new TextEncoder().encode(await get()),
    }),
};

/** A Linux machine on which each program writes the text. */
function withProgram(get: () => Promise<string>, options: AssertionSourceOptions): AssertionSourceOptions {
  const run = async () => ({ code: 0, stdout: await get(), stderr: "" });
  return { ...options, env: { PATH: "/bin" }, runtime: { ...options.runtime, platform: "linux", run } };
}
