import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Every executable file of that name on a PATH, in the order a shell would find them. */
export function allOnPath(name: string, path: string): string[] {
    return path
        .split(delimiter)
        .filter(folder => folder !== "")
        .map(folder => join(folder, name))
        .filter((file, place, files) => files.indexOf(file) === place && isExecutable(file));
}

export function firstOnPath(name: string, path: string): string | undefined {
    return allOnPath(name, path)[0];
}

export function isExecutable(file: string): boolean {
    try {
        accessSync(file, constants.X_OK);
        return statSync(file).isFile();
    } catch {
        return false;
    }
}

/** A PATH with these folders in front, each once. */
export function pathWith(folders: readonly string[], path: string): string {
    const front = folders.filter((folder, place) => folders.indexOf(folder) === place);
    return [...front, ...path.split(delimiter).filter(folder => folder !== "" && !front.includes(folder))].join(
        delimiter,
    );
}
