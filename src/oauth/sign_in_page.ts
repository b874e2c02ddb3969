/** Returns a page that says one thing: no script, nothing loaded, light or dark as the user likes it. */
export function createPage(status: number, title: string, text: string): Response {
  const [safeTitle, safeText] = [title, text].map(escape);
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>${safeTitle}</title>
</head>
<body>
<main>
<h1>${safeTitle}</h1>
<p>${safeText}</p>
</main>
</body>
</html>
`;
  return new Response(html, {
    status,
    headers: {
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-store",
      "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
    },
  });
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
