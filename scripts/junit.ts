import type { Outcome } from "./outcome.ts";

/** Reads the outcomes of the tests, without those of groups, from a JUnit report (XML) of Deno, Node or Bun. */
export function readJunit(xml: string): Outcome[] {
  const outcomes: Outcome[] = [];
  const groups: string[] = [];
  const tags = /<(\/?)(testsuite|testcase)((?:\s+[\w:]+="[^"]*")*)\s*(?:(\/)>|>)/g;
  for (let tag = tags.exec(xml); tag; tag = tags.exec(xml)) {
    const [, closing, element, attributes, empty] = tag;
    if (closing) groups.pop();
    else if (element === "testsuite" && !empty) groups.push(readAttribute(attributes!, "name"));
    else if (element === "testcase") {
      const end = empty ? tags.lastIndex : xml.indexOf("</testcase>", tags.lastIndex);
      const body = xml.slice(tags.lastIndex, end);
      tags.lastIndex = empty ? end : end + "</testcase>".length;
      outcomes.push({ name: [...groups, readAttribute(attributes!, "name")].join(" > "), ...readStatus(body) });
    }
  }
  return outcomes.filter(({ name, message }) => !isGroup(name, message));

  // Deno reports a group as a test that has subtests.
  function isGroup(name: string, message: string | undefined): boolean {
    const [, ...path] = name.split(" > ");
    const start = `${path.join(" > ")} > `;
    return (message === undefined || /^\d+ test steps? failed/.test(message)) && path.length > 0 &&
      outcomes.some((other) => other.name.split(" > ").slice(1).join(" > ").startsWith(start));
  }
}

function readStatus(body: string): Pick<Outcome, "status" | "message"> {
  const failure = /<failure\b((?:\s+[\w:]+="[^"]*")*)\s*(?:\/>|>([\s\S]*?)<\/failure>)/.exec(body);
  if (failure) {
    return { status: "failed", message: unescape(failure[2] ?? "").trim() || readAttribute(failure[1]!, "message") };
  }
  const skipped = /<skipped\b((?:\s+[\w:]+="[^"]*")*)/.exec(body);
  if (skipped) return { status: "skipped", message: readAttribute(skipped[1]!, "message") };
  return { status: "passed" };
}

function readAttribute(attributes: string, name: string): string {
  return unescape(new RegExp(`\\s${name}="([^"]*)"`).exec(attributes)?.[1] ?? "");
}

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };

function unescape(text: string): string {
  return text.replace(/&(?:#(\d+)|(\w+));/g, (entity, code, name) => {
    return code ? String.fromCodePoint(Number(code)) : ENTITIES[name] ?? entity;
  });
}
