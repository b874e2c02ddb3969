/** The members of React that the examples in the documents use. */
export declare function useState<T>(): [T | undefined, (value: T) => void];
