/** Minimum length of a name that one edit can misspell, and of a name that two edits can. */
const MIN_LENGTHS = [6, 10] as const;
const MAX_LENGTH = 50;

/**
 * Throws a `TypeError` for an option whose name resembles the name of an option that is not given: the program would
 * run without the option. Other unknown names are ignored, because programs pass objects with more members.
 *
 * @param known The names of the options, separated by spaces.
 */
export function checkOptionNames(options: object, known: string): void {
  const given = new Map(Object.entries(options).filter(([, value]) => value !== undefined));
  const names = known.split(" ").filter((name) => !given.has(name));
  for (const name of given.keys()) {
    if (known.split(" ").includes(name)) continue;
    const meant = names.find((other) => resembles(name, other));
    if (meant) throw new TypeError(`Option "${name.slice(0, MAX_LENGTH)}" is unknown: Did you mean "${meant}"?`);
  }
}

function resembles(name: string, known: string): boolean {
  const edits = MIN_LENGTHS.filter((length) => known.length >= length).length;
  return isWithin(edits, plain(name), plain(known));
}

function plain(name: string): string {
  return name.slice(0, MAX_LENGTH).replace(/[-_]/g, "").toLowerCase();
}

/** Whether at most `edits` replaced, missing or additional characters turn one text into the other. */
function isWithin(edits: number, a: string, b: string): boolean {
  let same = 0;
  while (same < a.length && a[same] === b[same]) same++;
  const [restOfA, restOfB] = [a.slice(same), b.slice(same)];
  if (restOfA === restOfB) return true;
  const [nextOfA, nextOfB] = [restOfA.slice(1), restOfB.slice(1)];
  return edits > 0 &&
    ([[nextOfA, nextOfB], [nextOfA, restOfB], [restOfA, nextOfB]] as const).some(([a, b]) => isWithin(edits - 1, a, b));
}
