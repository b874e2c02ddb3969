import { messageOf } from "../core/unknown_errors.ts";
import { type NamedFile, unusable } from "../entra/named_file.ts";
import type { Runtime } from "../runtime/runtime.ts";

/** The function of `@azweb/identity/pkcs12`. */
interface Pkcs12Module {
  fromPkcs12(bytes: Uint8Array, password: string): Promise<{ certificate: string }>;
}

/**
 * Not a literal: a bundler would include the module in every app with a certificate, and fail without `node-forge`,
 * which the module imports.
 */
const MODULE = ["@azweb", "identity", "pkcs12"].join("/");

/**
 * Converts a PKCS#12 file to PEM text. Throws an `AuthenticationError` if it cannot be used, or `node-forge` is not
 * installed.
 */
export async function readPkcs12File(
  file: NamedFile,
  password: string | undefined,
  readFile: NonNullable<Runtime["readFile"]>,
): Promise<string> {
  try {
    const { fromPkcs12 } = await loadModule();
    return (await fromPkcs12(await readFile(file.path), password ?? "")).certificate;
  } catch (error) {
    throw unusable("Cannot use", file, messageOf(error));
  }
}

async function loadModule(): Promise<Pkcs12Module> {
  try {
    return await import(/* webpackIgnore: true */ /* @vite-ignore */ MODULE);
  } catch {
    throw new Error(
      `It is PKCS#12, and "${MODULE}" cannot be loaded, for example from a bundle: Convert the file to PEM with ` +
        '"openssl pkcs12 -in old.pfx -out new.pem -nodes"',
    );
  }
}
