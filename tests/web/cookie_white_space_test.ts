// Runs on: deno, node, bun, workerd, edge
// Only SP and HTAB are white space in a cookie header (RFC 6265bis, section 5.6). A browser keeps other white space in
// a cookie's name, and lets a sibling subdomain set that name, because it does not begin with "__Host-". Not in a
// browser: pages can neither send nor set such cookies.
import { createWebSignIn } from "@azweb/identity/web-sign-in";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { failureOf } from "../support/service.ts";
import { CLIENT, createSignInService, GRAPH_SCOPE, SECRET, TENANT } from "../support/sign_in/sign_in_service.ts";
import { openBrowser, setCookiesOf } from "../support/sign_in/web_browser.ts";

const APP = "https://my.app";
/** The characters that JavaScript's `trim` strips, except SP, HTAB and those that no header can contain. */
const BLANKS = [0x0b, 0x0c, 0xa0, 0x1680, 0x2000, 0x200a, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000, 0xfeff];

function createApp() {
  const service = createSignInService();
  const signIn = createWebSignIn({
    tenantId: TENANT,
    clientId: CLIENT,
    clientSecret: SECRET,
    redirectUri: `${APP}/signed-in`,
    scopes: GRAPH_SCOPE,
    sealingKey: btoa("1".repeat(32)),
    ...service.options,
  });
  /** Starts a sign-in, and returns the callback URL of its response with the cookie that it needs. */
  async function begin(username: string): Promise<{ url: string; name: string; value: string }> {
    const browser = openBrowser((request) => signIn.signIn(request));
    const response = await browser.get(`${APP}/`);
    const [[name, value]] = [...browser.cookies] as [[string, string]];
    return { url: await service.signIn(response.headers.get("location")!, username), name, value };
  }
  return { signIn, begin };
}

/**
 * A request with a cookie header. Deno, Node and Bun decode its bytes as Latin-1 and workerd as UTF-8, so that a string
 * may contain characters that this runtime's own `Request` rejects.
 */
function requestWith(url: string, cookie: string): Request {
  try {
    const request = new Request(url, { headers: { cookie } });
    if (request.headers.get("cookie") === cookie) return request;
  } catch {
    // Not a byte string.
  }
  return { method: "GET", url, headers: { get: (name: string) => name === "cookie" ? cookie : null } } as Request;
}

function nameOf(code: number): string {
  return `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}

/** Encodes a string in UTF-8, and decodes the bytes as Latin-1, as some runtimes do. */
function asLatin1(text: string): string {
  return String.fromCharCode(...new TextEncoder().encode(text));
}

describe("a cookie whose name has other white space around it is ignored", () => {
  const blanks = BLANKS.flatMap((code): [string, string][] => {
    const blank = String.fromCharCode(code);
    return [[nameOf(code), blank], ...code > 0x7f ? [[`${nameOf(code)} in bytes`, asLatin1(blank)] as const] : []] as [
      string,
      string,
    ][];
  });
  for (const [what, blank] of blanks) {
    test(what, async () => {
      const { signIn, begin } = createApp();
      for (const around of [(name: string) => blank + name, (name: string) => name + blank]) {
        const { url, name, value } = await begin("eve@evil.test");
        const pair = `${around(name)}=${value}`;
        for (const header of [pair, `a=b; ${pair}`, `a=b;${pair}`, `a=b; \t${pair}; c=d`]) {
          const error = await failureOf(signIn.redeem(requestWith(url, header)));
          assert.equal(error.name, "AuthenticationError");
          assert.match(error.message, /^WebSignIn: Cannot sign in: The browser has no cookie of this sign-in/);
        }
      }
    });
  }

  test("U+FFFD, by which workerd replaces bytes that are not UTF-8", async () => {
    const { signIn, begin } = createApp();
    const { url, name, value } = await begin("eve@evil.test");
    const error = await failureOf(signIn.redeem(requestWith(url, `\ufffd${name}=${value}`)));
    assert.match(error.message, /The browser has no cookie of this sign-in/);
  });
});

test("such a cookie beside the real one has no effect", async () => {
  for (const turn of [(pairs: string[]) => pairs, (pairs: string[]) => pairs.reverse()]) {
    const { signIn, begin } = createApp();
    const { url, name, value } = await begin("jo@contoso.com");
    const { account } = await signIn.redeem(
      requestWith(url, turn([`\u00a0${name}=forged`, `${name}=${value}`, `${name}\u3000=forged`]).join("; ")),
    );
    assert.equal(account.username, "jo@contoso.com");
  }
});

test("SP and HTAB before a name are not part of it", async () => {
  for (const before of ["", "a=b;", "a=b; ", "a=b;\t", "a=b; \t ", "a; ", "=a; ", "; "]) {
    const { signIn, begin } = createApp();
    const { url, name, value } = await begin("jo@contoso.com");
    const { account } = await signIn.redeem(requestWith(url, `${before}${name}=${value}; c=d`));
    assert.equal(account.username, "jo@contoso.com", JSON.stringify(before));
  }
});

test("a value with other white space around it is not accepted as sealed by the app", async () => {
  for (const code of BLANKS.filter((code) => code > 0x7f)) {
    const { signIn, begin } = createApp();
    const { url, name, value } = await begin("jo@contoso.com");
    const error = await failureOf(
      signIn.redeem(requestWith(url, `${name}=${String.fromCharCode(code)}${value}`)),
    );
    assert.match(error.message, /^WebSignIn: Cannot sign in: The cookie was not sealed by this app$/);
  }
});

test("two cookies with the same name are both rejected, equal or not", async () => {
  for (const second of ["forged", ""]) {
    const { signIn, begin } = createApp();
    const { url, name, value } = await begin("jo@contoso.com");
    for (const header of [`${name}=${value}; ${name}=${second || value}`, `${name}=${second}; ${name}=${value}`]) {
      const error = await failureOf(signIn.redeem(requestWith(url, header)));
      assert.match(error.message, /^WebSignIn: Cannot sign in: The cookie was not sealed by this app$/);
    }
  }
});

test("such cookies do not displace the cookies of pending sign-ins", async () => {
  const { signIn } = createApp();
  const forged = Array.from({ length: 20 }, (_, n) => `\u00a0__Host-sign-in-${String(n).padStart(10, "0")}=x`);
  const response = await signIn.signIn(requestWith(`${APP}/`, forged.join("; ")));
  assert.deepEqual(setCookiesOf(response).filter((cookie) => cookie.includes("Max-Age=0")), []);
});

test("a header of white space only is read in linear time", async () => {
  const { signIn, begin } = createApp();
  const { url } = await begin("jo@contoso.com");
  const blanks = `a=b;${" \t".repeat(50_000)}x`;
  const error = await failureOf(signIn.redeem(requestWith(url, blanks)));
  assert.match(error.message, /The browser has no cookie of this sign-in/);
});
