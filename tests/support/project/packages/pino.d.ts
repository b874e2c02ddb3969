/** The part of pino that examples in the documents use. */
interface Logger {
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
}
export default function pino(): Logger;
