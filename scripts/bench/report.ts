/** A row of the table. */
export interface Row {
  readonly what: string;
  readonly ours: string;
  readonly theirs: string;
  /** The factor by which our figure is better. */
  readonly ratio?: number;
  readonly target?: string;
  /** Our figure divided by the target, which is reached if this is at most 1. */
  readonly ofTarget?: number;
  /** Whether the figures are times, which differ from run to run. */
  readonly isTime?: true;
}

/** The relative difference of a median time between runs. */
const NOISE = 0.1;

/** Returns the table in Markdown. */
export function table(rows: readonly Row[]): string {
  const lines = rows.map(({ what, ours, theirs, ratio, target = "", ofTarget, isTime = false }) => [
    what,
    ours,
    theirs,
    ratio === undefined ? "" : ratio === 1 ? "equal" : `${significant(ratio)} times`,
    target,
    ofTarget === undefined ? "" : verdict(ofTarget, isTime),
  ]);
  const head = ["what", "ours", "`@azure/identity`", "better by", "target", "reached"];
  return [head, head.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** Returns a time in microseconds. */
export function microseconds(value: number): string {
  return `${significant(value)} µs`;
}

/** Returns a time in milliseconds. */
export function milliseconds(value: number): string {
  return `${significant(value)} ms`;
}

/** Returns a size in kilobytes of 1,000 bytes. */
export function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(1)} kB`;
}

/** Returns a number with its noun. */
export function count(value: number, thing: string): string {
  return `${value.toLocaleString("en")} ${thing}${value === 1 ? "" : "s"}`;
}

function verdict(ofTarget: number, isTime: boolean): string {
  const noise = isTime && Math.abs(ofTarget - 1) <= NOISE ? ", within the noise" : "";
  if (ofTarget <= 1) return `yes${noise}`;
  return Number.isFinite(ofTarget) ? `**no**: ${ofTarget.toFixed(2)} times the target${noise}` : "**no**";
}

function significant(value: number): string {
  return Number(value.toPrecision(value >= 100 ? 3 : 2)).toLocaleString("en");
}
