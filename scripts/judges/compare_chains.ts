/**
 * Compares `DefaultAzureCredential` with those of other libraries: the identity, the number of requests and the time.
 *
 * @module
 */
import type { Library, Programs } from "../../tests/support/interop/boxed_laptop.ts";
import { type Place, PLACES, startPlaces } from "../../tests/support/interop/places.ts";
import { explain, unusedReasons } from "./differences.ts";
import { FAILING_PLACES } from "./outcomes.ts";

const LIBRARIES: readonly Library[] = ["ours on Deno", "npm", "newest python", "go"];

/** What a library did in an environment. */
export interface Cell {
  readonly credential: string;
  /** The services that received requests, and the status of each response. */
  readonly requests: string;
  readonly took: string;
}

/** The cells of an environment, in the order of the libraries. */
export interface Row {
  readonly name: string;
  readonly cells: readonly Cell[];
}

/** Runs the programs. Returns the rows, and the problems: unexpected identities, and differences without a reason. */
export async function compareChains(
  programs: Programs,
  filter: RegExp,
): Promise<{ readonly rows: readonly Row[]; readonly problems: readonly string[] }> {
  const places = await startPlaces(programs);
  const rows: Row[] = [];
  const problems: string[] = [];
  const all: readonly (Omit<Place, "expected"> & { credential: string })[] = [
    ...PLACES.map(({ expected, ...place }) => ({ ...place, credential: expected.credential })),
    ...FAILING_PLACES,
  ];
  try {
    for (const place of all.filter(({ name }) => filter.test(name))) {
      const cells: Cell[] = [];
      for (const library of LIBRARIES) {
        const { seen, took } = await places.look(library, place);
        cells.push({ credential: seen.credential, requests: seen.requests, took });
      }
      const [ours] = cells;
      if (ours!.credential !== place.credential) {
        problems.push(`${place.name}: expected the token of ${place.credential}, got that of ${ours!.credential}`);
      }
      rows.push({ name: place.name, cells });
      console.log(describeRow({ name: place.name, cells }));
    }
  } finally {
    await places.close();
  }
  problems.push(...rows.flatMap(unexplained));
  // The list must not contain differences that no longer exist.
  if (rows.length === all.length) problems.push(...unusedReasons().map((reason) => `Unused reason: ${reason}`));
  return { rows, problems };
}

/** Returns the identities that differ from ours without a listed reason. */
function unexplained({ name, cells }: Row): string[] {
  return LIBRARIES.flatMap((library, index) => {
    const { credential } = cells[index]!;
    if (credential === cells[0]!.credential || explain(library, name)) return [];
    return [`${name}: ${library} has the token of ${credential}, without a listed reason`];
  });
}

/** Returns a table in Markdown, with the reasons of the differences below it. */
export function describeRows(rows: readonly Row[]): string {
  const reasons = new Map<string, number>();
  const lines = rows.map((row) => {
    const notes = LIBRARIES.map((library, index) => {
      const reason = row.cells[index]!.credential === row.cells[0]!.credential ? undefined : explain(library, row.name);
      if (!reason) return "";
      if (!reasons.has(reason)) reasons.set(reason, reasons.size + 1);
      return ` [${reasons.get(reason)}]`;
    });
    return describeRow(row, notes);
  });
  return [
    `| environment | ${LIBRARIES.join(" | ")} |`,
    `| --- |${" --- |".repeat(LIBRARIES.length)}`,
    ...lines,
    "",
    ...[...reasons].map(([reason, number]) => `[${number}] ${reason}.`),
  ].join("\n");
}

function describeRow({ name, cells }: Row, notes: readonly string[] = []): string {
  const texts = cells.map(({ credential, requests, took }, index) => {
    const count = requests === "" ? 0 : requests.split(", ").length;
    return `${credential}, ${count}, ${took}${notes[index] ?? ""}`;
  });
  return `| ${name} | ${texts.join(" | ")} |`;
}
