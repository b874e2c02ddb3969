import type { Library } from "../../tests/support/interop/boxed_laptop.ts";

/** An identity that another library returns in place of this library's. */
interface Difference {
  readonly of: readonly Library[];
  /** Matches the names of the environments. */
  readonly in: RegExp;
  readonly because: string;
}

const DIFFERENCES: readonly Difference[] = [];

/** Returns the reason for which a library has another identity in an environment, or `undefined`. */
export function explain(library: Library, name: string): string | undefined {
  return DIFFERENCES.find((row) => row.of.includes(library) && row.in.test(name))?.because;
}
