const PROCESSES = 15;

/**
 * Returns by how many milliseconds an import makes a cold Node process slower than an empty one: medians of alternating
 * rounds.
 */
export async function measureImports(folder: string, specifiers: readonly string[]): Promise<Record<string, number>> {
  const programs = ["", ...specifiers.map((specifier) => `import ${JSON.stringify(specifier)};`)];
  const times = programs.map((): number[] => []);
  for (let round = -1; round < PROCESSES; round++) {
    for (const [index, program] of programs.entries()) {
      const time = await timeOf(folder, program);
      // The first round fills the caches of the file system.
      if (round >= 0) times[index]!.push(time);
    }
  }
  const [empty, ...medians] = times.map((all) => all.toSorted((a, b) => a - b)[all.length >> 1]!);
  return Object.fromEntries(medians.map((median, index) => [specifiers[index]!, median - empty!]));
}

async function timeOf(cwd: string, program: string): Promise<number> {
  const command = new Deno.Command("node", { args: ["--input-type=module", "--eval", program], cwd, stdin: "null" });
  const start = performance.now();
  const { success, stderr } = await command.output();
  if (!success) throw new Error(`Cannot measure the import: ${new TextDecoder().decode(stderr)}`);
  return performance.now() - start;
}
