/** What the documents use of React. */
export declare function useState<T>(): [T | undefined, (value: T) => void];
