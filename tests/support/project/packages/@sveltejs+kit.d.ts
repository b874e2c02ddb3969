/** The part of SvelteKit that examples in the documents use. */
export declare function json(value: unknown): Response;
