import type { FileCost } from "./progress.ts";

interface Column {
  readonly runtime: string;
  readonly costs: readonly FileCost[];
}

/** Prints the processor time in seconds of each file on each runtime, in descending order of the total. */
export function printCosts(columns: readonly Column[]): void {
  console.log("\nProcessor seconds of each file");
  console.log(columns.map(({ runtime }, index) => `${String(index + 1).padStart(4)} = ${runtime}`).join("\n"));
  const files = new Set(columns.flatMap(({ costs }) => costs.map(({ file }) => file)));
  const rows = [...files].map((file) => {
    const cells = columns.map(({ costs }) => sum(costs.filter((cost) => cost.file === file)));
    return { file, cells, total: cells.reduce((all, cell) => all + cell, 0) };
  });
  console.log(line("all", columns.map((_, index) => String(index + 1)), ""));
  for (const { file, cells, total } of rows.sort((a, b) => b.total - a.total)) {
    console.log(line(total.toFixed(1), cells.map((cell) => cell === 0 ? "" : cell.toFixed(1)), file));
  }
}

function sum(costs: readonly FileCost[]): number {
  return costs.reduce((all, { cpuSeconds }) => all + cpuSeconds, 0);
}

function line(total: string, cells: readonly string[], file: string): string {
  return `${[total, ...cells].map((text) => text.padStart(7)).join("")}  ${file}`;
}
