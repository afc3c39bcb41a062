import type { Migration } from "../../runner/migration/migration.ts";

/** Another tool that applies migrations, at its best fair setting. */
export interface Peer {
    readonly name: string;
    readonly version: string;
    /** What its best setting is, where it is not what the tool does by itself. */
    readonly setting?: string;
    /** Gets the tool. @throws Error when it cannot be had here */
    readonly install: () => Promise<unknown>;
    /** Writes migrations into an empty folder, as the tool reads them. */
    readonly layOut: (folder: string, migrations: readonly Migration[]) => Promise<void>;
    /**
     * Runs the tool as a process of its own until nothing is pending.
     *
     * @param url of the database, with login and password
     * @returns milliseconds from the start of the process to its end
     */
    readonly applyAll: (folder: string, url: string) => Promise<number>;
    /** The same as a call in Node, where the tool is a library as well: without the start of a process. */
    readonly applyInNode?: (folder: string, url: string) => Promise<number>;
}
