/**
 * Watches over one shadow: `node keeper.ts <folder>`. Its standard input is a pipe that only the preview holds open, so
 * it ends when the preview does, also by kill -9. Then the server is ended and the folder removed.
 */
import { removePlace } from "./place.ts";

const [, , folder] = process.argv;
if (folder === undefined) throw new Error("keeper.ts needs the folder of a shadow");
// Its owner decides when it ends, not the signals that end its owner.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
await new Promise<void>(resolve => {
    process.stdin.on("end", resolve).on("close", resolve).on("error", resolve).resume();
});
await removePlace(folder);
