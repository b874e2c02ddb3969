import { toSingleLine } from "../core/error_response.ts";
import { type DecodedJwt, decodeJwt } from "../core/jwt.ts";

/** Maximum length of issuer, subject and audience of a federated credential, in characters. */
const MAX_CHARACTERS = 600;

const UNREACHABLE_ISSUER =
  "Microsoft Entra cannot fetch the keys of the issuer: its OpenID configuration and keys must be on the public " +
  "internet, with a certificate of a public authority";

/** Issuers whose subjects change, so that a federated credential matches no longer. */
const VOLATILE_SUBJECTS: readonly (readonly [issuer: string, why: string])[] = [
  ["https://oidc.fly.io/", "The subject ends with the name of the machine, and changes with the machine"],
  ["https://oidc.circleci.com/", "The subject has the id of the user who triggered the pipeline"],
  ["https://api.bitbucket.org/", "The subject has the id of the step, which is another one in each run"],
  ["https://agent.buildkite.com", "A subject with a commit changes: request one with the claim pipeline_id"],
];

/** Mismatches between the assertion and the federated credentials of the app, by AADSTS code. */
const MISMATCHES: Readonly<Record<number, string>> = {
  70021: "No federated credential of the app matches the assertion",
  70025: "The app has no federated credential, or the client id is that of another app",
  700211: "No federated credential of the app has the assertion's issuer; a slash at its end counts",
  700212: "No federated credential of the app has the assertion's audience",
  700213: "No federated credential of the app has the assertion's subject",
  700214: "No federated credential of the app has the assertion's subject",
  7002137: "No federated credential of the app has the assertion's subject",
  7002138: "The subject of the federated credential differs from the assertion's by letter case, which counts",
};

/**
 * Returns the next step for the codes of an error, after Microsoft Entra has rejected the client assertion in the form;
 * `undefined` for other codes, and for an assertion that is signed by a certificate of the app.
 *
 * @see https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations
 */
export function adviseOnAssertion(codes: readonly (number | string)[], form: URLSearchParams): string | undefined {
  const clientId = form.get("client_id") ?? "";
  const jwt = decodeJwt(form.get("client_assertion") ?? "");
  // The app itself is the issuer.
  if (jwt?.claims?.iss === clientId) return undefined;
  return codes.map((code) => adviseOn(Number(code), jwt, clientId)).find(Boolean);
}

function adviseOn(
  code: number,
  { header = {}, claims = {} }: Partial<DecodedJwt> = {},
  clientId: string,
): string | undefined {
  const mismatch = MISMATCHES[code];
  if (mismatch) return `${mismatch}. ${describeCredential([claims.iss, claims.sub, claims.aud], clientId)}`;
  switch (code) {
    case 700027:
      return "Microsoft Entra takes the assertion for one that a certificate of the app signs: " +
        "check that the app has a federated credential";
    case 7000272:
      return `The keys of the issuer have no key "${describe(header.kid)}": check whether they have changed`;
    case 5002723:
    case 5002727:
    case 5002730:
    case 5002738:
      return `The assertion is signed by ${describe(header.alg)}: let the issuer sign by RS256 with a "kid"`;
    case 50166:
    case 501661:
    case 90061:
      return UNREACHABLE_ISSUER;
    case 700222:
    case 700229:
      return "Of its own tokens, Microsoft Entra accepts only those of a user-assigned managed identity as an assertion";
  }
  return undefined;
}

/** Returns a member of the header, which may have any type, as one line. */
function describe(value: unknown): string {
  return typeof value === "string" ? toSingleLine(value) : `(${typeof value})`;
}

/** Describes the federated credential that the app lacks, and the commands that create it. */
function describeCredential(values: readonly unknown[], clientId: string): string {
  const [issuer, subject, audience] = values.map((value) => [value].flat()[0]);
  const wait = "A change takes a few minutes";
  if (!isPlain(issuer) || !isPlain(subject) || !isPlain(audience)) {
    return `Compare its issuer, subject and audience with those of the assertion. ${wait}`;
  }
  // The name contains the end of the subject, so that two subjects seldom have the same: with the name of an existing
  // federated credential, the command for an app fails, and the one for a managed identity replaces that credential.
  const name = `federated-${subject.replace(/[^a-z\d]+/gi, "-").slice(-80)}`;
  const parameters = JSON.stringify({ name, issuer, subject, audiences: [audience] });
  const volatile = VOLATILE_SUBJECTS.find(([start]) => issuer.startsWith(start))?.[1];
  return [
    `It needs the issuer "${issuer}", the subject "${subject}" and the audience "${audience}". In bash, run for an app`,
    `  az ad app federated-credential create --id ${quote(clientId)} --parameters ${quote(parameters)}`,
    "and for a managed identity",
    `  az identity federated-credential create --name ${name} --identity-name NAME --resource-group GROUP ` +
    `--issuer ${quote(issuer)} --subject ${quote(subject)} --audiences ${quote(audience)}`,
    `${wait}${volatile ? `. ${volatile}` : ""}`,
  ].join("\n");
}

/**
 * Whether a claim can be the value of a federated credential and an argument of `az`. It must not have control and
 * format characters, which are not displayed. `az` would take "-" at the start for an option, and "@" for a file.
 */
function isPlain(value: unknown): value is string {
  return typeof value === "string" && value.length <= MAX_CHARACTERS && /^(?![-@])[^\p{C}\p{Zl}\p{Zp}]+$/u.test(value);
}

/** Quotes an argument for a POSIX shell. PowerShell and cmd have other rules. */
function quote(argument: string): string {
  return `'${argument.replaceAll("'", "'\\''")}'`;
}
