import { CharSet, type Concatenation, type Element, JS } from "refa";
import { analyse } from "scslre";

/** A transition from one state of an automaton to another. */
interface Edge {
  readonly to: number;
  /** The characters that it consumes; absent if it consumes none. */
  readonly characters?: CharSet;
  /** Whether it depends on a condition, such as an assertion. */
  readonly isConditional?: true;
}

/** A nondeterministic automaton (Thompson's construction). State 0 is the start. */
interface Automaton {
  readonly edges: readonly (readonly Edge[])[];
  readonly end: number;
  /** The states to which an unbounded quantifier returns. */
  readonly loops: readonly number[];
}

/**
 * Returns why a regular expression can take more than linear time for some text, or `undefined` if it cannot. It can
 * try the same characters repeatedly within one attempt (backtracking), or in the attempts that begin at each of them.
 */
export function findSuperLinear(source: string, flags: string): string | undefined {
  const [report] = analyse({ source, flags }).reports;
  if (report) return `it tries ${JSON.stringify(report.character.pick)} again and again`;
  const { expression, maxCharacter } = JS.Parser.fromLiteral({ source, flags }).parse({ backreferences: "unknown" });
  return expression.alternatives.map((alternative) => findRestart(alternative, maxCharacter)).find(Boolean);
}

/** Returns why the attempts to match an alternative, one at each character, can take more than linear time in total. */
function findRestart(alternative: Concatenation, maxCharacter: number): string | undefined {
  const notAfter = notAfterOf(alternative) ?? CharSet.empty(maxCharacter);
  if (notAfter.isAll) return undefined;
  if (hasLoopInAssertion(alternative.elements)) {
    return "it has an unbounded quantifier in an assertion, which is tried at each character";
  }
  const automaton = build(alternative);
  const isRestarted = automaton.loops.some((loop) => canFail(automaton, loop) && canRestart(automaton, loop, notAfter));
  return isRestarted ? "an attempt can begin again and again within what an earlier one has read" : undefined;
}

/** Returns the characters after which no match can begin: all for "^", or those of a negative lookbehind. */
function notAfterOf({ elements: [first] }: Concatenation): CharSet | undefined {
  if (first?.type !== "Assertion" || first.kind !== "behind" || !first.negate) return undefined;
  const [behind] = first.alternatives.length === 1 ? first.alternatives[0]!.elements : [];
  return behind?.type === "CharacterClass" ? behind.characters : undefined;
}

function hasLoopInAssertion(elements: readonly Element[], isInside = false): boolean {
  return elements.some((element) => {
    if (!("alternatives" in element)) return false;
    if (isInside && element.type === "Quantifier" && element.max === Infinity) return true;
    const within = element.alternatives.flatMap(({ elements }) => elements);
    return hasLoopInAssertion(within, isInside || element.type === "Assertion");
  });
}

function build(alternative: Concatenation): Automaton {
  const edges: Edge[][] = [[]];
  const loops: number[] = [];
  return { edges, loops, end: addAll([alternative], 0) };

  function addState(): number {
    return edges.push([]) - 1;
  }

  /** Adds alternatives after a state, and returns the state after them. */
  function addAll(alternatives: readonly { readonly elements: readonly Element[] }[], from: number): number {
    const end = addState();
    for (const { elements } of alternatives) {
      const last = elements.reduce((state, element) => add(element, state), from);
      edges[last]!.push({ to: end });
    }
    return end;
  }

  function add(element: Element, from: number): number {
    if (element.type === "Quantifier") {
      const { alternatives, min, max } = element;
      let state = from;
      for (let i = 0; i < min; i++) state = addAll(alternatives, state);
      if (max === Infinity) {
        const loop = addState();
        edges[state]!.push({ to: loop });
        edges[addAll(alternatives, loop)]!.push({ to: loop });
        loops.push(loop);
        return loop;
      }
      const end = addState();
      for (let i = min; i < max; i++) {
        edges[state]!.push({ to: end });
        state = addAll(alternatives, state);
      }
      edges[state]!.push({ to: end });
      return end;
    }
    if (element.type === "Alternation") return addAll(element.alternatives, from);
    const to = addState();
    if (element.type === "CharacterClass") edges[from]!.push({ to, characters: element.characters });
    else edges[from]!.push({ to, isConditional: true });
    return to;
  }
}

/** Whether the rest after a state may not match, so that the engine tries again from the next character. */
function canFail({ edges, end }: Automaton, state: number): boolean {
  return !closure(edges, state, ({ isConditional }) => !isConditional).has(end);
}

/**
 * Whether some text leads both from the start to the loop and from the loop back to it. An attempt can then begin
 * within the text that an earlier attempt has read.
 */
function canRestart({ edges }: Automaton, loop: number, notAfter: CharSet): boolean {
  const seen = new Set<string>();
  const queue: [number, number][] = [[0, loop]];
  for (let pair = queue.pop(); pair; pair = queue.pop()) {
    const [ours, theirs] = pair.map((state) =>
      [...closure(edges, state, () => true)].flatMap((state) => edges[state]!).filter(({ characters }) => characters)
    ) as [Edge[], Edge[]];
    for (const one of ours) {
      for (const other of theirs) {
        const common = one.characters!.intersect(other.characters!);
        if (common.isEmpty) continue;
        const [a, b] = [one, other].map(({ to }) => closure(edges, to, () => true)) as [Set<number>, Set<number>];
        if (a.has(loop) && b.has(loop) && !common.without(notAfter).isEmpty) return true;
        const key = `${one.to} ${other.to}`;
        if (!seen.has(key)) queue.push([one.to, other.to]);
        seen.add(key);
      }
    }
  }
  return false;
}

/** Returns the states that can be reached from a state without consuming a character. */
function closure(edges: Automaton["edges"], from: number, may: (edge: Edge) => boolean): Set<number> {
  const reached = new Set([from]);
  for (const state of reached) {
    for (const edge of edges[state]!) if (!edge.characters && may(edge)) reached.add(edge.to);
  }
  return reached;
}
