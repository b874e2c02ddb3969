import childProcess from "node:child_process";
import { EventEmitter } from "node:events";
import { mock } from "node:test";

/**
 * Replaces the program with which `@azure/identity` opens a browser, until `done` is called. The promise resolves with
 * the URL to open.
 */
export function catchOpener(): { promise: Promise<string>; done(): void } {
  let caught!: (url: string) => void;
  const promise = new Promise<string>((resolve) => caught = resolve);
  const spawn = mock.method(childProcess, "spawn", (_: string, args: readonly string[] = []) => {
    const url = args.find((arg) => arg.startsWith("https://"));
    if (url) caught(url);
    const child = Object.assign(new EventEmitter(), { unref() {}, stdout: null, stderr: null });
    setImmediate(() => child.emit("spawn")).unref();
    setImmediate(() => child.emit("close", 0)).unref();
    return child as never;
  });
  return { promise, done: () => spawn.mock.restore() };
}
