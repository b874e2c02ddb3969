/** The members of React Router that the examples in the documents use. */
export declare function useLoaderData<Loader extends () => Promise<unknown>>(): Awaited<ReturnType<Loader>>;
