// Preloaded into programs of the README and of docs/recipes.md: replaces `fetch`, so that requests go to a simulated
// Microsoft Entra and a simulated storage service. On Deno, `fetch` needs the same permissions as the real one.
import { createEntra } from "@azweb/identity/testing";
import { SERVICE_PRINCIPAL } from "./readme.ts";

const entra = createEntra({ apps: [SERVICE_PRINCIPAL] });
const realFetch = globalThis.fetch;

globalThis.fetch = async (input, init) => {
  const request = new Request(input, init);
  const { host } = new URL(request.url);
  if ("Deno" in globalThis && Deno.permissions.querySync({ name: "net", host }).state !== "granted") {
    throw new Deno.errors.NotCapable(`Requires net access to "${host}"`);
  }
  if (host === "login.microsoftonline.com") return await entra.fetch(request);
  if (!host.endsWith(".blob.core.windows.net")) return await realFetch(request);
  const token = request.headers.get("authorization")?.replace(/^Bearer /, "") ?? "";
  const { aud } = await entra.verify(token);
  return new Response(`Blobs for ${aud}`);
};
