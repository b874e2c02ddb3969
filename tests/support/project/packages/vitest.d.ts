/** The members of vitest that the examples in the documents use. */
export declare function test(name: string, run: () => Promise<void>): void;
export declare function expect(value: unknown): { toBe(expected: unknown): void };
