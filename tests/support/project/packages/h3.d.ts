/** The members of Nitro's HTTP framework that the examples in the documents use. */
export declare function defineEventHandler<T>(handler: () => T): () => T;
