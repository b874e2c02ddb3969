/** What the documents use of React Router. */
export declare function useLoaderData<Loader extends () => Promise<unknown>>(): Awaited<ReturnType<Loader>>;
