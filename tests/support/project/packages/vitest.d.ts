/** What the documents use of vitest. */
export declare function test(name: string, run: () => Promise<void>): void;
export declare function expect(value: unknown): { toBe(expected: unknown): void };
