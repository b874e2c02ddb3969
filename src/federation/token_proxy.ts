import type { Settings } from "../core/settings.ts";
import { parseUrl } from "../core/url.ts";
import { AuthenticationError } from "../errors.ts";
import type { Runtime, RuntimeOverrides, TlsTrust } from "../runtime/runtime.ts";
import { fetchRemotely } from "../runtime/remote_fetch.ts";
import { tlsFetcher } from "../runtime/tls_fetch.ts";
import { decodeBase64 } from "../core/decoding.ts";
import { readNamedFile } from "../entra/named_file.ts";

const PROXY = "AZURE_KUBERNETES_TOKEN_PROXY";
const CA_FILE = "AZURE_KUBERNETES_CA_FILE";
const CA_DATA = "AZURE_KUBERNETES_CA_DATA";
const SNI_NAME = "AZURE_KUBERNETES_SNI_NAME";

/** Maximum length of PEM text, three times the length of a bundle of all public authorities. */
const MAX_CHARACTERS = 1_000_000;

/** A DNS name. Another value, such as an IP address, would be omitted from the TLS handshake (RFC 6066, section 3). */
const DNS_NAME = /^(?!\d+(\.\d+){3}$)[a-z\d]([\w.-]{0,251}[a-z\d])?$/i;

/** A proxy of the cluster for requests to Microsoft Entra. */
export interface TokenProxy {
  /** Sends a request for Microsoft Entra to the proxy. */
  readonly fetch: typeof fetch;
  /** Reads the certificates of the authorities again. Throws an `AuthenticationError` if they cannot be read. */
  reload(): Promise<void>;
}

/**
 * Returns the token proxy of an AKS cluster with identity bindings; `undefined` if no variable configures one. Throws
 * an `AuthenticationError` if the variables are malformed or contradictory, or if the runtime does not support custom
 * certificate authorities.
 *
 * @see https://learn.microsoft.com/azure/aks/identity-bindings-concepts
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
    throw new AuthenticationError(`Cannot use the token proxy: Set ${PROXY} in addition to ${others.join(", ")}`);
  }
  if (caFile && caData) {
    throw new AuthenticationError(`Cannot use the token proxy: Set only one of ${CA_FILE} and ${CA_DATA}`);
  }
  if (serverName && !DNS_NAME.test(serverName)) {
    throw new AuthenticationError(`Cannot use ${SNI_NAME}: It must be a DNS name`);
  }
  const base = parseProxy(proxy);
  const file = caFile
    ? {
      path: caFile,
      label: `the certificates of ${CA_FILE}`,
      nextStep: "Check the path, and that the file is mounted there",
    }
    : undefined;
  let lastPem: string | undefined;
  let current = caData || serverName && !file
    ? fetchTrusting({ ca: caData && checkPem(caData, `the certificates of ${CA_DATA}`), serverName })
    : settings.fetch ?? fetchRemotely;

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
      const pem = (await readNamedFile(file, readTextFile)).trim();
      // The file can be empty while it is replaced.
      if (pem === lastPem || pem === "" && lastPem !== undefined) return;
      current = fetchTrusting({ ca: checkPem(pem, `${file.label}, "${caFile}"`), serverName });
      lastPem = pem;
    },
  };

  function fetchTrusting(trust: TlsTrust): typeof fetch {
    const tlsFetch = tlsFetcher(runtime);
    if (tlsFetch) return tlsFetch(trust);
    throw new AuthenticationError(
      'Cannot reach the token proxy: This runtime supports no custom certificate authority or server name; set "runtime.tlsFetch"',
    );
  }
}

/** Parses the URL of the proxy. The message omits the value, which may contain a password. */
function parseProxy(text: string): URL {
  const url = parseUrl(text);
  if (url?.protocol === "https:" && !url.username && !url.password && !url.search && !url.hash) return url;
  throw new AuthenticationError(
    `Cannot use ${PROXY}: It must be a URL with "https:" and without credentials, query and fragment`,
  );
}

function checkPem(text: string, label: string): string {
  if (text.length > MAX_CHARACTERS) {
    throw new AuthenticationError(`Cannot use ${label}: It is longer than a million characters`);
  }
  const blocks = [...text.matchAll(/-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----/g)];
  // Each block must be base64 of a DER sequence, as a certificate is.
  if (blocks.length > 0 && blocks.every(([, base64]) => decodeBase64(base64!)?.[0] === 0x30)) return text;
  throw new AuthenticationError(
    `Cannot use ${label}: ${text === "" ? "It is empty" : "It must contain certificates as PEM text"}`,
  );
}
