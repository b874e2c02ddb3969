/** Style sheet of the page. The content security policy allows only its digest. */
const STYLE = `
:root { color-scheme: light dark; --text: #1b1a19; --soft: #494745; --back: #f5f5f5; --card: #fff; --good: #0e6b0e; --bad: #a4262c; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--back); color: var(--text);
  font: 1.0625rem/1.5 system-ui, sans-serif; }
main { box-sizing: border-box; max-width: 32rem; margin: 1rem; padding: 2rem 2.5rem; background: var(--card);
  border-top: 0.3rem solid var(--mark); border-radius: 0.4rem; box-shadow: 0 1px 4px #0003; overflow-wrap: anywhere; }
.good { --mark: var(--good); }
.bad { --mark: var(--bad); }
h1 { margin: 0 0 0.5rem; font-size: 1.6rem; font-weight: 600; line-height: 1.25; color: var(--mark); }
p { margin: 0; color: var(--soft); }
@media (prefers-color-scheme: dark) {
  :root { --text: #f3f2f1; --soft: #d2d0ce; --back: #1b1a19; --card: #292827; --good: #6cc46c; --bad: #f1858b; }
}
@media (forced-colors: active) { main { border: 1px solid; } }
`;
/** SHA-256 digest of the style sheet, in base64. */
const STYLE_DIGEST = "0cs8Qc59bIxFgudcTNjcstvYIJTLflPrtLEaR/UvwaY=";

/**
 * Returns a page with a title and a message. It has no script and loads nothing, and it has the user's color scheme.
 */
export function createPage(status: number, title: string, text: string): Response {
  const [safeTitle, safeText] = [title, text].map(escape);
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${safeTitle}</title>
<style>${STYLE}</style>
</head>
<body>
<main class="${status === 200 ? "good" : "bad"}">
<h1>${safeTitle}</h1>
<p>${safeText}</p>
</main>
</body>
</html>
`;
  const policy = [
    ...["default-src 'none'", `style-src 'sha256-${STYLE_DIGEST}'`],
    ...["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
  ];
  return new Response(html, {
    status,
    headers: {
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-store",
      "content-security-policy": policy.join("; "),
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
    },
  });
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
