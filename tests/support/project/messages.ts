import { fileURLToPath } from "node:url";
import ts from "typescript";
import { listFiles } from "../../../scripts/check_layers.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** Functions and classes whose first argument is the message of an error, or a part of it. */
const ERRORS = /^(AuthenticationError|CredentialUnavailableError|signInError|unusable|failure)$/;
/** Members that become a part of a message. */
const MEMBERS = /^(reason|missing)$/;

/** A message in the source. */
export interface Message {
  readonly where: string;
  /** Its longest part without a placeholder. */
  readonly text: string;
}

/** Returns the messages of the errors of the library, except those of wrong arguments (`TypeError`). */
export async function listMessages(): Promise<Message[]> {
  const files = (await listFiles(ROOT, "src")).filter((file) => !file.startsWith("src/testing/"));
  return files.flatMap((file) => {
    const source = ts.createSourceFile(file, Deno.readTextFileSync(ROOT + file), ts.ScriptTarget.Latest, true);
    const messages: Message[] = [];
    function visit(node: ts.Node): void {
      const isError = (ts.isNewExpression(node) || ts.isCallExpression(node)) &&
        ts.isIdentifier(node.expression) && ERRORS.test(node.expression.text);
      const expression = isError
        ? node.arguments?.[0]
        : ts.isPropertyAssignment(node) && ts.isIdentifier(node.name) && MEMBERS.test(node.name.text)
        ? node.initializer
        : undefined;
      const text = expression && longestPart(expression);
      if (text && text.length > 12) {
        const { line } = source.getLineAndCharacterOfPosition(node.getStart());
        messages.push({ where: `${file}:${line + 1}`, text });
      }
      ts.forEachChild(node, visit);
    }
    visit(source);
    return messages;
  });
}

/** Returns the longest literal of an expression, such as a template. */
function longestPart(expression: ts.Node): string {
  let longest = "";
  function visit(node: ts.Node): void {
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node)) {
      if (node.text.length > longest.length) longest = node.text;
    }
    ts.forEachChild(node, visit);
  }
  visit(expression);
  // Without the quotes around placeholders.
  return longest.trim().replace(/^"?[:.,;] /, "").replace(/^"(?= )/, "").replace(/( \(?"|[:.,;])$/, "").trim();
}
