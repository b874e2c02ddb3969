export function waitUntil(work: Promise<unknown>): void;
