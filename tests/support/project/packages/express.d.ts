/** The members of Express that the examples in the documents use. */
interface ServerResponse {
  json(value: unknown): void;
}
interface Application {
  get(path: string, handler: (request: unknown, response: ServerResponse) => unknown): void;
  listen(port: number | string): void;
}
export default function express(): Application;
