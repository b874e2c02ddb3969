/** What the documents use of pino. */
interface Logger {
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
}
export default function pino(): Logger;
