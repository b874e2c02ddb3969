/** What the documents use of SvelteKit. */
export declare function json(value: unknown): Response;
