import type { Settings } from "../core/settings.ts";
import { parseUrl } from "../core/url.ts";
import { AuthenticationError } from "../errors.ts";
import type { Runtime, RuntimeOverrides, TlsTrust } from "../runtime/runtime.ts";
import { tlsFetcher } from "../runtime/tls_fetch.ts";
import { decodeBase64 } from "../core/decoding.ts";
import { readNamedFile } from "../entra/named_file.ts";

const PROXY = "AZURE_KUBERNETES_TOKEN_PROXY";
const CA_FILE = "AZURE_KUBERNETES_CA_FILE";
const CA_DATA = "AZURE_KUBERNETES_CA_DATA";
const SNI_NAME = "AZURE_KUBERNETES_SNI_NAME";

/** The bundle of all public authorities takes a third of it. */
const MOST_CHARACTERS = 1_000_000;

/** A name of DNS. Another would say nothing in the handshake, so that nobody is asked for. */
const NAME = /^(?!\d+(\.\d+){3}$)[a-z\d]([\w.-]{0,251}[a-z\d])?$/i;

/** A service of the cluster that stands in front of Microsoft Entra. */
export interface TokenProxy {
  /** Sends a request for Microsoft Entra to the proxy instead. */
  readonly fetch: typeof fetch;
  /** Notices whom the proxy is trusted by now. Throws an `AuthenticationError` where nobody can tell. */
  reload(): Promise<void>;
}

/**
 * Returns the token proxy of an AKS cluster with identity bindings; `undefined` where no variable names one. Throws an
 * `AuthenticationError` for variables that are malformed or do not go together, and where the runtime cannot trust the server they name.
 *
 * https://learn.microsoft.com/azure/aks/identity-bindings-concepts
 */
export function createTokenProxy(
  settings: Settings,
  { runtime, readTextFile }: {
    readonly runtime: RuntimeOverrides;
    readonly readTextFile: Runtime["readTextFile"];
  },
): TokenProxy | undefined {
  const [proxy, caFile, caData, serverName] = [PROXY, CA_FILE, CA_DATA, SNI_NAME].map((name) =>
    settings.env(name) || undefined
  );
  if (!proxy) {
    const others = [CA_FILE, CA_DATA, SNI_NAME].filter((name) => settings.env(name));
    if (others.length === 0) return undefined;
    throw new AuthenticationError(`Cannot find the token proxy: Set ${PROXY} beside ${others.join(", ")}`);
  }
  if (caFile && caData) {
    throw new AuthenticationError(`Cannot tell whom to trust: Set only one of ${CA_FILE} and ${CA_DATA}`);
  }
  if (serverName && !NAME.test(serverName)) {
    throw new AuthenticationError(`Cannot use ${SNI_NAME}: It must be the name of a server`);
  }
  const base = parseProxy(proxy);
  const file = caFile
    ? {
      path: caFile,
      label: `the certificates of ${CA_FILE}`,
      nextStep: "Check the path, and that the file is mounted there",
    }
    : undefined;
  let known: string | undefined;
  let current = caData || serverName && !file
    ? trusting({ ca: caData && checkPem(caData, `the certificates of ${CA_DATA}`), serverName })
    : settings.fetch;

  return {
    fetch(input, init) {
      const { pathname, search } = new URL(String(input));
      const url = new URL(base);
      url.pathname = base.pathname.replace(/\/$/, "") + pathname;
      url.search = search;
      return current(url.href, init);
    },
    async reload() {
      if (!file) return;
      const text = (await readNamedFile(file, readTextFile)).trim();
      // Empty in the middle of a change.
      if (text === known || text === "" && known !== undefined) return;
      current = trusting({ ca: checkPem(text, `${file.label}, "${caFile}"`), serverName });
      known = text;
    },
  };

  function trusting(trust: TlsTrust): typeof fetch {
    const tlsFetch = tlsFetcher(runtime);
    if (tlsFetch) return tlsFetch(trust);
    throw new AuthenticationError(
      'Cannot reach the token proxy: This runtime cannot trust authorities or names of its own; give "runtime.tlsFetch"',
    );
  }
}

/** The value stays unsaid: a password may be in it. */
function parseProxy(text: string): URL {
  const url = parseUrl(text);
  if (url?.protocol === "https:" && !url.username && !url.password && !url.search && !url.hash) return url;
  throw new AuthenticationError(
    `Cannot use ${PROXY}: It must be a URL with "https:" and without user, query and fragment`,
  );
}

function checkPem(text: string, label: string): string {
  if (text.length > MOST_CHARACTERS) {
    throw new AuthenticationError(`Cannot use ${label}: It is longer than a million characters`);
  }
  const blocks = [...text.matchAll(/-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----/g)];
  // DER that begins as a certificate does.
  if (blocks.length > 0 && blocks.every(([, base64]) => decodeBase64(base64!)?.[0] === 0x30)) return text;
  throw new AuthenticationError(
    `Cannot use ${label}: ${text === "" ? "It is empty" : "It must hold certificates as PEM text"}`,
  );
}
