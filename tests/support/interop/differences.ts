// The expected differences between two libraries, each with its reason.

import assert from "node:assert/strict";

/** An expected difference. If `ours` or `theirs` is absent, that library sends no value. */
export interface Difference<Tag extends string> {
  /** The name of the value. */
  readonly at: string;
  /** It applies to cases with all of these tags. Default: all cases. */
  readonly tags?: readonly Tag[];
  /** It does not apply to cases with any of these tags. Default: none. */
  readonly except?: readonly Tag[];
  readonly ours?: string | RegExp;
  readonly theirs?: string | RegExp;
  readonly because: string;
}

/** A difference that was found. */
export interface Found {
  readonly at: string;
  readonly ours: string | undefined;
  readonly theirs: string | undefined;
}

/** MSAL's claims for the ID token. */
export const ID_TOKEN_CLAIMS =
  '"id_token":{"signin_state":{"essential":false},"login_hint":{"essential":false},"tenant_region_sub_scope":{"essential":false}}';
export const CP1 = '"xms_cc":{"values":["cp1"]}';
export const NBF = '"nbf":{"essential":true,"value":"1"}';

/** Returns the differences between two sets of values. */
export function differ(
  ours: Readonly<Record<string, string | undefined>>,
  theirs: Readonly<Record<string, string | undefined>>,
): Found[] {
  return [...new Set([...Object.keys(ours), ...Object.keys(theirs)])]
    .map((at) => ({ at, ours: ours[at], theirs: theirs[at] }))
    .filter((found) => found.ours !== found.theirs);
}

/** Throws unless the found differences are exactly the expected ones. */
export function checkDifferences<Tag extends string>(
  actual: readonly Found[],
  expected: readonly Difference<Tag>[],
): void {
  assert.deepEqual(
    {
      unexplained: actual.filter((found) => !expected.some((row) => explains(row, found))),
      "no longer there": expected.filter((row) => !actual.some((found) => explains(row, found))),
    },
    { unexplained: [], "no longer there": [] },
  );
}

function explains(row: Difference<string>, { at, ours, theirs }: Found): boolean {
  return row.at === at && fits(row.ours, ours) && fits(row.theirs, theirs);
}

function fits(expected: string | RegExp | undefined, value: string | undefined): boolean {
  return expected instanceof RegExp ? value !== undefined && expected.test(value) : expected === value;
}
