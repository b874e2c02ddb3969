import { ROOT } from "../run.ts";

/** The app registration of the user in the page: its `<tenant>` and its `<appId>`. */
export const USER_APP = {
  tenantId: "11111111-2222-3333-4444-555555555555",
  clientId: "99999999-8888-7777-6666-555555555555",
} as const;

/** Returns the text of `docs/recipes.md`. */
export async function readPage(): Promise<string> {
  return await Deno.readTextFile(`${ROOT}docs/recipes.md`);
}

/** Returns the files of a section: the code blocks whose first line is a comment with a path. */
export function filesOf(page: string, section: string): Record<string, string> {
  const [, text = ""] = page.split(`\n## ${section}\n`);
  const blocks = text.split(/\n## /)[0]!.matchAll(/^```\w+[^\n]*\n(\/\/ (\S+)[^\n]*\n[\s\S]*?)^```$/gm);
  return Object.fromEntries([...blocks].map(([, code, path]) => [
    path!,
    code!.replaceAll("<tenant>", USER_APP.tenantId).replaceAll("<appId>", USER_APP.clientId),
  ]));
}
