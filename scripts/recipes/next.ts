import assert from "node:assert/strict";
import { checkSignIn, checkToken } from "./checks.ts";
import type { Recipe } from "./recipe.ts";

const NEXT = "node_modules/.bin/next";

/** A route handler, a server component, `proxy.ts`, and a client component on a page that is rendered at build time. */
export const next: Recipe = {
  section: "Next.js",
  packages: {
    next: "16.4.6",
    react: "19.3.1",
    "react-dom": "19.3.1",
    // Next.js checks the types while it builds.
    typescript: "5.9.3",
    "@types/node": "24.10.1",
    "@types/react": "19.3.0",
  },
  files: {
    "app/layout.tsx": `
export default function Layout({ children }: { children: React.ReactNode }) {
  return <html lang="en"><body>{children}</body></html>;
}`,
    "app/page.tsx": `
import { SignIn } from "./sign_in";
export default function Page() {
  return <SignIn />;
}`,
    "app/component/page.tsx": `
import { DefaultAzureCredential } from "@azweb/identity";
export const dynamic = "force-dynamic";
const credential = new DefaultAzureCredential();
export default async function Page() {
  const { expiresOnTimestamp } = await credential.getToken("https://vault.azure.net/.default");
  return <p>{expiresOnTimestamp}</p>;
}`,
    "proxy.ts": `
import { ClientSecretCredential } from "@azweb/identity/client-secret-credential";
import { type NextRequest, NextResponse } from "next/server";
const { AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET } = process.env;
const credential = new ClientSecretCredential(AZURE_TENANT_ID!, AZURE_CLIENT_ID!, AZURE_CLIENT_SECRET!);
export async function proxy(request: NextRequest) {
  const { expiresOnTimestamp } = await credential.getToken("https://storage.azure.com/.default");
  return NextResponse.json({ path: request.nextUrl.pathname, expiresOnTimestamp });
}
export const config = { matcher: "/proxy" };`,
    "public/blank.html": "<!doctype html><title>Signed in</title>",
  },
  async run(project) {
    await project.node([NEXT, "build"]);
    await project.serve([NEXT, "start"], async (url) => {
      for (const path of ["/token", "/component", "/proxy"]) await checkToken(url + path);
      const page = await fetch(url);
      assert.match(await page.text(), /<button>Sign in<\/button>/);
      assert.ok(page.headers.has("x-nextjs-prerender"));
      await checkSignIn(project, url);
    });
  },
};
