// A reporter for Node's test runner: writes the events of scripts/outcome.ts as lines of JSON, as soon as they happen.
import { relative } from "node:path";
import process from "node:process";

export default async function* report(source) {
  /** For each file, the names of the nested tests that have started and not ended, outermost first. */
  const paths = new Map();
  for await (const { type, data } of source) {
    if (type !== "test:dequeue" && type !== "test:complete") continue;
    const { name, nesting, file, details = {}, skip } = data;
    // This event encloses all tests of the file.
    const isFile = nesting === 0 && name === file;
    const path = paths.get(file) ?? [];
    paths.set(file, path);
    path.length = nesting;
    path.push(name);
    const source = relative(process.cwd(), file).replace(/\.js$/, ".ts");
    const fullName = [source, ...path].join(" > ");
    if (isFile) {
      path.length = 0;
      if (type === "test:dequeue") yield line({ file: source });
    } else if (type === "test:dequeue") yield line({ begin: fullName });
    else yield line({ end: { name: fullName, status: skip ? "skipped" : details.error ? "failed" : "passed" } });
  }
}

function line(event) {
  return `${JSON.stringify(event)}\n`;
}
