// Runs on: deno
//
// Compares `new DefaultAzureCredential()` with Azure's own libraries for JavaScript (npm) and Python in each
// environment: the identity of the token, the requests, the processes and the time. Everything but the Azure CLI is
// simulated: see support/interop/boxed_laptop.ts. `deno task judges` also asks the newest libraries for Python and Go.
import { stop } from "esbuild";
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Library, whyNoLaptop } from "../support/interop/boxed_laptop.ts";
import { BY_AZ, type Place, PLACES, type Places, type Seen, startPlaces } from "../support/interop/places.ts";

/** A difference between the behaviour of this library and of another one. */
interface Difference {
  readonly of: "npm" | "python";
  readonly at: keyof Seen;
  /** Matches the names of the environments. */
  readonly in: RegExp;
  readonly is: string | RegExp;
  readonly because: string;
}

const DISCOVERY = "MSAL sends two discovery requests before the first token, although the endpoints are known";
const TRIES_POWERSHELL = "The npm library starts PowerShell once more, to find out whether it works";
const ENDS = "A configured identity that is rejected must not be replaced by another";
const NO_AZD = "Debian's version, 1.13, has no credential for the Azure Developer CLI";
const NO_VARIABLE = "Debian's version, 1.13, does not read AZURE_TOKEN_CREDENTIALS";
const NO_PROBE =
  "This library sends no probe, because in production there is a metadata service, which may be too slow for it";
const MINUTES = "Python's library takes any response for the metadata service's, and retries for a minute";

const WITH_SECRET = "entra 200, entra 200, entra 200";

const DIFFERENCES: readonly Difference[] = [
  { of: "python", at: "requests", in: /^(only )?environment( before .+)?$/, is: WITH_SECRET, because: DISCOVERY },
  { of: "python", at: "requests", in: /=(prod|EnvironmentCredential)$/, is: WITH_SECRET, because: DISCOVERY },
  { of: "python", at: "requests", in: /^a wrong/, is: "entra 200, entra 200, entra 401", because: DISCOVERY },

  { of: "python", at: "credential", in: /^only azd$/, is: "none", because: NO_AZD },
  { of: "python", at: "processes", in: /^only azd$/, is: "", because: NO_AZD },

  { of: "npm", at: "requests", in: /=prod with/, is: "machine 400, machine 400", because: NO_PROBE },

  {
    of: "python",
    at: "credential",
    in: /=(dev|laptop|(?!Environment)\w+Credential)$/,
    is: "environment",
    because: NO_VARIABLE,
  },
  {
    of: "python",
    at: "requests",
    in: /=(dev|laptop|(?!Environment)\w+Credential)$/,
    is: WITH_SECRET,
    because: NO_VARIABLE,
  },
  { of: "python", at: "processes", in: /=(dev|Azure\w+)$/, is: "", because: NO_VARIABLE },
  { of: "python", at: "credential", in: /=prod with az alone$/, is: "az", because: NO_VARIABLE },
  {
    of: "python",
    at: "requests",
    in: /=prod with az alone$/,
    is: `machine 400, machine 400, ${BY_AZ.requests}`,
    because: NO_VARIABLE,
  },
  { of: "python", at: "processes", in: /=prod with az alone$/, is: "az", because: NO_VARIABLE },

  { of: "npm", at: "processes", in: /^(only pwsh|pwsh before .+)$/, is: "pwsh, pwsh", because: TRIES_POWERSHELL },
  { of: "npm", at: "processes", in: /=AzurePowerShellCredential$/, is: "pwsh, pwsh", because: TRIES_POWERSHELL },

  { of: "npm", at: "credential", in: /^a (pod|machine) that/, is: "az", because: ENDS },
  {
    of: "npm",
    at: "requests",
    in: /^a (pod|machine) that/,
    is: /^(entra 401, entra 401|machine 403, machine 403), entra 200, entra 200$/,
    because: ENDS,
  },
  { of: "npm", at: "processes", in: /^a (pod|machine) that/, is: "az", because: ENDS },

  { of: "python", at: "credential", in: /of another cloud/, is: "still trying", because: MINUTES },
  { of: "python", at: "requests", in: /of another cloud/, is: /^(machine (404|500)(, |$)){2,}/, because: MINUTES },
  { of: "python", at: "processes", in: /of another cloud/, is: "", because: MINUTES },
];

describe("the whole chain, in an isolated network", { skip: await whyNoLaptop() }, () => {
  let places: Places;
  const times = new Map<string, string>();

  before(async () => {
    places = await startPlaces();
  });

  after(async () => {
    await places?.close();
    await stop();
    console.log([...times].map(([place, figures]) => `${place}: ${figures}`).join("\n"));
  });

  for (const place of PLACES) {
    test(place.name, async () => {
      const ours = await look("ours on Deno", place);
      assert.deepEqual(ours, place.expected);
      for (const other of ["npm", "python"] as const) {
        const seen = await look(other, place);
        const expected = DIFFERENCES.filter((row) => row.of === other && row.in.test(place.name));
        const found = (["credential", "requests", "processes"] as const).filter((at) => seen[at] !== ours[at]);
        assert.deepEqual(
          {
            unexplained: found.filter((at) => !expected.some((row) => row.at === at && fits(row.is, seen[at])))
              .map((at) => `${other} ${at}: ${seen[at]}`),
            "no longer observed": expected.filter(({ at }) => !found.includes(at)),
          },
          { unexplained: [], "no longer observed": [] },
        );
      }
    });
  }

  for (const library of ["ours on Node", "ours on Bun"] as const) {
    for (const place of PLACES.filter(({ name }) => /^(only|nothing)/.test(name))) {
      test(`${library}: ${place.name}`, async () => {
        assert.deepEqual(await look(library, place), place.expected);
      });
    }
  }
  /** Runs a program in an environment. */
  async function look(library: Library, place: Place): Promise<Seen> {
    const { seen, stdout, took } = await places.look(library, place);
    times.set(place.name, [times.get(place.name), `${library} ${took}`].filter(Boolean).join(", "));
    if (library.startsWith("ours") && place.error) assert.match(stdout, place.error);
    return seen;
  }
});

function fits(expected: string | RegExp, value: string): boolean {
  return expected instanceof RegExp ? expected.test(value) : expected === value;
}
