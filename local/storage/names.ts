import { refuse } from "./errors.ts";

// The characters that the real server allows: those S3 calls safe and those it calls special. Names outside ASCII are
// refused as they are on the platform.
const characters = /^[\w!\-.*'() &$@=;:+,?]*$/;
const keyCharacters = /^[\w/!\-.*'() &$@=;:+,?]*$/;
const longestBucketName = 100;
const longestKey = 1024;

/** Throws when `name` cannot be an object's name. Bytes are never stored under it, so this is about what works later. */
export function checkObjectName(name: string): void {
    const traversal = name.split("/").some(segment => segment === "." || segment === "..");
    if (name === "" || name.length > longestKey || traversal || !keyCharacters.test(name)) {
        throw refuse.invalidKey(name);
    }
}

export function checkBucketName(name: string): void {
    if (name === "" || name.length > longestBucketName || name.trim() !== name || !characters.test(name)) {
        throw refuse.invalidBucketName();
    }
}
