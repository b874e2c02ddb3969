/** What the documents use of Express. */
interface ServerResponse {
  json(value: unknown): void;
}
interface Application {
  get(path: string, handler: (request: unknown, response: ServerResponse) => unknown): void;
  listen(port: number | string): void;
}
export default function express(): Application;
