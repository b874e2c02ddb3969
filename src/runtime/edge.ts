import type { fetchDirectly as FetchDirectly } from "./direct_fetch.ts";
import type * as variables from "./env.ts";
import type { fileFinder as FileFinder } from "./file_exists.ts";
import type * as files from "./files.ts";
import type { loopbackListener as LoopbackListener } from "./loopback_server.ts";
import type { urlOpener as UrlOpener } from "./open_url.ts";
import type { operatingSystem as OperatingSystem } from "./operating_system.ts";
import type { currentPage as CurrentPage } from "./page.ts";
import type { detectPlatform as DetectPlatform } from "./platform.ts";
import type { programRunner as ProgramRunner } from "./process.ts";
import type { processVariables as ProcessVariables } from "./process_variables.ts";
import type * as permissions from "./query_permission.ts";
import type { fetchRemotely as FetchRemotely } from "./remote_fetch.ts";
import type { tlsFetcher as TlsFetcher } from "./tls_fetch.ts";

// In the edge build of the npm package, this module replaces those that are imported above. An edge runtime has no
// files, programs, servers, permissions or pages, so that each capability is the member of `options.runtime` or absent.

interface Global {
  readonly navigator?: { readonly userAgent?: string };
  readonly process?: { readonly env?: Readonly<Record<string, unknown>> };
}

export const detectPlatform: typeof DetectPlatform = () =>
  (globalThis as Global).navigator?.userAgent === "Cloudflare-Workers" ? "workerd" : "web";

export const env: typeof variables.env = (name) => {
  const value = (globalThis as Global).process?.env?.[name];
  return typeof value === "string" ? value : undefined;
};

export const isDenoDeploy: typeof variables.isDenoDeploy = () => false;
export const hasEnv: typeof variables.hasEnv = () => (globalThis as Global).process?.env !== undefined;
export const isReadable: typeof variables.isReadable = () => true;
export const missingEnvPermission: typeof variables.missingEnvPermission = () => undefined;
export const hasNetPermission: typeof permissions.hasNetPermission = () => true;

export const processVariables: typeof ProcessVariables = (matches) => {
  const names = Object.keys((globalThis as Global).process?.env ?? {}).filter(matches);
  return { variables: Object.fromEntries(names.map((name) => [name, env(name) ?? ""])), isComplete: true };
};

export const textFileReader: typeof files.textFileReader = (runtime = {}) => runtime.readTextFile?.bind(runtime);
export const fileReaders: typeof files.fileReaders = (runtime = {}) => ({
  readTextFile: textFileReader(runtime),
  readFile: runtime.readFile?.bind(runtime),
});
export const fileSizer: typeof files.fileSizer = (runtime = {}) => runtime.fileSize?.bind(runtime);
export const fileFinder: typeof FileFinder = (runtime = {}) => runtime.fileExists?.bind(runtime);
export const programRunner: typeof ProgramRunner = (runtime = {}) => runtime.run?.bind(runtime);
export const loopbackListener: typeof LoopbackListener = (runtime = {}) => runtime.listen?.bind(runtime);
export const urlOpener: typeof UrlOpener = (runtime = {}) => runtime.openUrl?.bind(runtime);
export const tlsFetcher: typeof TlsFetcher = (runtime = {}) => runtime.tlsFetch?.bind(runtime);
export const operatingSystem: typeof OperatingSystem = () => undefined;
export const currentPage: typeof CurrentPage = () => undefined;
export const fetchDirectly: typeof FetchDirectly = (input, init) => fetch(input, init);
export const fetchRemotely: typeof FetchRemotely = (input, init) => fetch(input, init);
