/// <reference lib="deno.unstable" />

/**
 * The project's rules that can be checked in a single file, as rules of `deno lint`: they use the syntax tree, so that
 * comments and strings do not match, and editors show them.
 *
 * @module
 */

import { findSuperLinear } from "./regular_expressions.ts";
import { ROOT } from "./run.ts";

const plugin: Deno.lint.Plugin = {
  name: "azweb",
  rules: {
    "platform-in-runtime": { create: platformInRuntime },
    "no-console": { create: noConsole },
    "no-default-export": { create: noDefaultExport },
    "no-inheritance": { create: noInheritance },
    "top-level-function": { create: topLevelFunction },
    "mod-re-exports": { create: modReExports },
    "linear-regexp": { create: linearRegExp },
    "expected-error": { create: expectedError },
    "no-shadowed-global": { create: noShadowedGlobal },
  },
};
export default plugin;

/** Only `src/runtime/` uses `Deno`, `process` and `getBuiltinModule`. */
function platformInRuntime(context: Deno.lint.RuleContext): Deno.lint.LintVisitor {
  if (!isSource(context) || pathOf(context).startsWith("src/runtime/")) return {};
  return forbidNames(context, ["Deno", "process", "getBuiltinModule"], "may be used only in src/runtime/");
}

/** The library does not use `console`: it has `options.log`. */
function noConsole(context: Deno.lint.RuleContext): Deno.lint.LintVisitor {
  return isSource(context) ? forbidNames(context, ["console"], "must not be used: log with options.log") : {};
}

function noDefaultExport(context: Deno.lint.RuleContext): Deno.lint.LintVisitor {
  if (!isSource(context)) return {};
  return {
    ExportDefaultDeclaration(node) {
      context.report({ node, message: "A default export: export a name instead" });
    },
    "ExportSpecifier[exported.name='default']"(node: Deno.lint.ExportSpecifier) {
      context.report({ node, message: "A default export: export a name instead" });
    },
  };
}

/** A class may extend only `Error` and the other built-in errors, and no class of this library or a dependency. */
function noInheritance(context: Deno.lint.RuleContext): Deno.lint.LintVisitor {
  if (!isSource(context)) return {};
  function check(node: Deno.lint.ClassDeclaration | Deno.lint.ClassExpression) {
    const base = node.superClass;
    if (!base || base.type === "Identifier" && /^[A-Z]?[a-z]*Error$/.test(base.name) && base.name in globalThis) return;
    context.report({ node: base, message: "A class may extend only built-in errors" });
  }
  return { ClassDeclaration: check, ClassExpression: check };
}

/**
 * Arrow functions are closures. A top-level function is a `function` declaration, unless a declared type gives its
 * parameters.
 */
function topLevelFunction(context: Deno.lint.RuleContext): Deno.lint.LintVisitor {
  function check({ id, init }: Deno.lint.VariableDeclarator) {
    if (init?.type !== "ArrowFunctionExpression" || id.typeAnnotation) return;
    context.report({ node: init, message: "An arrow at the top of a file: write a function" });
  }
  return {
    "Program > VariableDeclaration > VariableDeclarator": check,
    "Program > ExportNamedDeclaration > VariableDeclaration > VariableDeclarator": check,
  };
}

/** A `mod.ts` contains only re-exports. */
function modReExports(context: Deno.lint.RuleContext): Deno.lint.LintVisitor {
  if (!/(^|\/)mod\.ts$/.test(pathOf(context))) return {};
  return {
    Program(program) {
      for (const node of program.body) {
        const isReExport = node.type === "ExportAllDeclaration" ||
          node.type === "ExportNamedDeclaration" && node.source;
        if (!isReExport) context.report({ node, message: "A mod.ts holds re-exports and nothing else" });
      }
    },
  };
}

/** A regular expression is a literal and takes linear time for any text. */
function linearRegExp(context: Deno.lint.RuleContext): Deno.lint.LintVisitor {
  if (!isSource(context)) return {};
  function check(node: Deno.lint.NewExpression | Deno.lint.CallExpression) {
    if (node.callee.type !== "Identifier" || node.callee.name !== "RegExp") return;
    context.report({ node, message: "A regular expression made of a string: write a literal, which can be checked" });
  }
  return {
    NewExpression: check,
    CallExpression: check,
    Literal(node) {
      // `undefined` for literals of other types.
      const { regex } = node as Partial<Deno.lint.RegExpLiteral>;
      const reason = regex && findSuperLinear(regex.pattern, regex.flags);
      if (reason) {
        context.report({ node, message: `A regular expression that can take more than linear time: ${reason}` });
      }
    },
  };
}

/**
 * `assert.rejects` and `assert.throws` need an expected error. A string as their second argument is only the
 * assertion's message.
 */
function expectedError(context: Deno.lint.RuleContext): Deno.lint.LintVisitor {
  if (!pathOf(context).startsWith("tests/")) return {};
  return {
    "CallExpression[callee.object.name='assert'][callee.property.name=/^(rejects|throws)$/]"(
      node: Deno.lint.CallExpression,
    ) {
      const [, expected] = node.arguments;
      if (expected && !(expected.type === "Literal" && typeof expected.value === "string")) return;
      context.report({ node, message: "The assertion accepts any error: name the one that is expected" });
    },
  };
}

/** Global types that have no value on `globalThis`. */
const GLOBAL_TYPES =
  /^(?:Awaited|Partial|Required|Readonly|Record|Pick|Omit|Exclude|Extract|NonNullable|Parameters|ReturnType|InstanceType|ArrayLike|PromiseLike|Iterable|AsyncIterable)$/;

/** A type, class or function does not have the name of a global. */
function noShadowedGlobal(context: Deno.lint.RuleContext): Deno.lint.LintVisitor {
  if (!isSource(context)) return {};
  function check({ id }: { readonly id: Deno.lint.Identifier | null }) {
    if (!id || !GLOBAL_TYPES.test(id.name) && !(/^[A-Z]/.test(id.name) && id.name in globalThis)) return;
    context.report({ node: id, message: `"${id.name}" is a name of the language: choose another` });
  }
  return {
    TSInterfaceDeclaration: check,
    TSTypeAliasDeclaration: check,
    ClassDeclaration: check,
    FunctionDeclaration: check,
  };
}

/** Reports the names as identifiers and as whole strings, such as in `globalThis["process"]`. */
function forbidNames(context: Deno.lint.RuleContext, names: string[], rule: string): Deno.lint.LintVisitor {
  return {
    Identifier(node) {
      if (names.includes(node.name)) context.report({ node, message: `"${node.name}" ${rule}` });
    },
    Literal(node) {
      if (names.includes(node.value as string)) context.report({ node, message: `"${node.value}" ${rule}` });
    },
  };
}

/** Returns the path relative to the root of the project, with forward slashes. */
function pathOf(context: Deno.lint.RuleContext): string {
  const { filename } = context;
  return (filename.startsWith(ROOT) ? filename.slice(ROOT.length) : filename).replaceAll("\\", "/");
}

function isSource(context: Deno.lint.RuleContext): boolean {
  return /^(src\/|mod\.ts$)/.test(pathOf(context));
}
