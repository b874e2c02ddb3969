/** What the documents use of Nitro's HTTP framework. */
export declare function defineEventHandler<T>(handler: () => T): () => T;
