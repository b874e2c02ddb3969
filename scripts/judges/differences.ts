import type { Library } from "../../tests/support/interop/boxed_laptop.ts";

/** A reason for which libraries use another identity than this one, in some environments. */
export interface Difference {
  readonly of: readonly Library[];
  /** Matches the names of the environments. */
  readonly in: RegExp;
  readonly because: string;
}

const NPM: readonly Library[] = ["npm"];
const PYTHON: readonly Library[] = ["newest python"];
const GO: readonly Library[] = ["go"];
const PYTHON_AND_GO: readonly Library[] = ["newest python", "go"];
const ALL: readonly Library[] = ["npm", "newest python", "go"];

/** The known differences. Those of libraries for other languages are in `docs/migration.md`, by their text. */
export const DIFFERENCES: readonly Difference[] = [
  {
    of: GO,
    in: /^pwsh before azd$/,
    because: "azidentity for Go has azd before PowerShell; the others have PowerShell first",
  },
  {
    of: NPM,
    in: /^a (pod|machine) that|^App Service/,
    because:
      "@azure/identity uses the next credential if a configured one is rejected. A rejection must not change the " +
      "identity of the program",
  },
  {
    of: PYTHON,
    in: /^a machine that/,
    because: "azure-identity for Python takes a 403 of the metadata service for a machine without an identity",
  },
  {
    of: ALL,
    in: /rejects the resource/,
    because:
      "The official libraries take any 400 of the metadata service for a machine without an identity, and use the " +
      "next credential. This one reads the error code",
  },
  {
    of: GO,
    in: /^an AZURE_CLIENT_ID that is not the machine's/,
    because:
      "azidentity for Go ends its chain if the machine lacks the identity of AZURE_CLIENT_ID, which may be that of a " +
      "service principal",
  },
  {
    of: PYTHON_AND_GO,
    in: /another metadata service|of another cloud/,
    because:
      "Azure's libraries for Python and Go take any response to the probe for that of the metadata service: they " +
      "retry for minutes, or end the chain. This one compares the response with those of Azure",
  },
  {
    of: NPM,
    in: /another metadata service \((404|502|503|504)\)/,
    because:
      "@azure/identity was stopped while it retried: its pipeline retries the probe, or the token request after it",
  },
  {
    of: GO,
    in: /^a call with claims, az before azd/,
    because: "azidentity for Go ends its chain at az, which accepts claims only at sign-in. azd accepts them",
  },
  {
    of: NPM,
    in: /^a call with two scopes/,
    because:
      "@azure/identity skips the managed identity for that call, and lets az use the first scope alone. A machine " +
      "with a managed identity must not use another account",
  },
  {
    of: PYTHON_AND_GO,
    in: /^a call with two scopes, az before azd/,
    because: "Azure's libraries for Python and Go reject the call at az, which accepts one scope. azd accepts several",
  },
];

const used = new Set<Difference>();

/** Returns the reason for which a library has another identity in an environment, or `undefined`. */
export function explain(library: Library, name: string): string | undefined {
  const found = DIFFERENCES.find((row) => row.of.includes(library) && row.in.test(name));
  if (found) used.add(found);
  return found?.because;
}

/** Returns the reasons that {@linkcode explain} has not returned. */
export function unusedReasons(): string[] {
  return DIFFERENCES.filter((row) => !used.has(row)).map(({ because }) => because);
}
