import fc from "fast-check";

const [FIRST_SURROGATE, SURROGATES] = [0xd800, 0x800];

/**
 * Any code point except surrogates, for use as the `unit` of `fc.string`. `unit: "binary"` generates the same, but
 * builds an index of a million entries first.
 */
export const anyCharacter: fc.Arbitrary<string> = fc.nat(0x10ffff - SURROGATES).map(
  (index) => String.fromCodePoint(index < FIRST_SURROGATE ? index : index + SURROGATES),
  (character) => {
    const code = typeof character === "string" ? character.codePointAt(0) : undefined;
    if (code === undefined || String.fromCodePoint(code) !== character) throw new TypeError("Not a single character");
    return code < FIRST_SURROGATE ? code : code - SURROGATES;
  },
);
