/**
 * The programs of the README, as a user copies them.
 *
 * @module
 */

/** The service principal that `az ad sp create-for-rbac` has created. */
export const SERVICE_PRINCIPAL: { tenantId: string; clientId: string; secrets: string[] } = {
  tenantId: "11111111-2222-3333-4444-555555555555",
  clientId: "22222222-3333-4444-5555-666666666666",
  secrets: ["the-password"],
};

/** The variables that the README says to set. */
export const VARIABLES: Readonly<Record<string, string>> = {
  AZURE_TENANT_ID: SERVICE_PRINCIPAL.tenantId,
  AZURE_CLIENT_ID: SERVICE_PRINCIPAL.clientId,
  AZURE_CLIENT_SECRET: "the-password",
};

/** Returns the code blocks under a heading, by their languages, with the placeholders filled in. */
export function programsOf(readme: string, heading: string, storage: string): Record<string, string> {
  const section = readme.split(new RegExp(`\\n##+ ${heading}\\n`))[1]?.split(/\n#+ /)[0] ?? "";
  return Object.fromEntries(
    [...section.matchAll(/^```(\w+)[^\n]*\n([\s\S]*?)^```$/gm)].map(([, language, code]) => [
      language!,
      code!.replaceAll("https://<account>.blob.core.windows.net", storage).replaceAll(
        "<tenant>",
        SERVICE_PRINCIPAL.tenantId,
      )
        .replaceAll("<appId>", SERVICE_PRINCIPAL.clientId),
    ]),
  );
}
