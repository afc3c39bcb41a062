import { mkdirSync, readFileSync, rmdirSync, statSync, unlinkSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";

// JavaScript, not TypeScript: enter.mjs needs it before there is a Node that reads types.

/** A holder that gave no sign for this long (milliseconds) is taken for dead, whatever its number says. */
const silence = 120_000;

/** Breaking a dead holder's lock takes microseconds: a claim to do so that is this old (milliseconds) is dead too. */
const breaking = 10_000;

/**
 * Runs `work` while no other process holds the lock file `path`; waits for its turn without an end, since the work
 * of the other (an installation, a build) is what we wait for. A lock whose holder died is taken over.
 *
 * @template T
 * @param {string} path
 * @param {(holder: string) => void} onWait called once, when there is something to wait for
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(path, onWait, work) {
    mkdirSync(dirname(path), { recursive: true });
    const mine = `${process.pid} ${hostname()} ${Math.random().toString(36).slice(2)}\n`;
    let told = false;
    while (!take(path, mine)) {
        const holder = read(path);
        if (holder === undefined || (isDead(path, holder) && breakLock(path))) continue;
        if (!told) onWait(`process ${holder.split(" ")[0] || "?"}`);
        told = true;
        await new Promise(resolve => setTimeout(resolve, 200));
    }
    const sign = setInterval(() => touch(path), 15_000);
    sign.unref();
    try {
        return await work();
    } finally {
        clearInterval(sign);
        if (read(path) === mine) remove(path);
    }
}

/** @param {string} path @param {string} mine */
function take(path, mine) {
    try {
        writeFileSync(path, mine, { flag: "wx" });
        return true;
    } catch (error) {
        if (codeOf(error) === "EEXIST") return false;
        throw error;
    }
}

/** @param {string} path @param {string} holder */
function isDead(path, holder) {
    const age = ageOf(path);
    if (age > silence) return true;
    const [pid, host] = holder.trim().split(" ");
    // Empty: its holder is between creating and writing it, or died there.
    if (!pid || !host) return age > breaking;
    return host === hostname() && !lives(Number(pid));
}

/**
 * Two that find the same dead holder must not both remove the file: the slower would remove the lock that the faster
 * has taken by then. So one at a time looks again, and removes only what is still dead.
 *
 * @param {string} path
 */
function breakLock(path) {
    const claim = `${path}.breaking`;
    try {
        mkdirSync(claim);
    } catch (error) {
        // Somebody else's folder, or one that is only read: waiting for the dead would not end.
        if (codeOf(error) !== "EEXIST") throw error;
        if (ageOf(claim) > breaking) removeFolder(claim);
        return false;
    }
    try {
        const holder = read(path);
        if (holder !== undefined && isDead(path, holder)) remove(path);
        return true;
    } finally {
        removeFolder(claim);
    }
}

/** @param {number} pid */
function lives(pid) {
    try {
        process.kill(pid, 0);
        return true;
    } catch (error) {
        return codeOf(error) === "EPERM";
    }
}

/** @param {string} path */
function read(path) {
    try {
        return readFileSync(path, "utf8");
    } catch {
        return undefined;
    }
}

/** @param {string} path */
function ageOf(path) {
    try {
        return Date.now() - statSync(path).mtimeMs;
    } catch {
        return 0;
    }
}

/** @param {string} path */
function touch(path) {
    try {
        utimesSync(path, new Date(), new Date());
    } catch {
        // Taken from us while this machine slept: what we do ends in an atomic rename, so both may go on.
    }
}

/** @param {string} path */
function remove(path) {
    try {
        unlinkSync(path);
    } catch {
        // Gone already.
    }
}

/** @param {string} path */
function removeFolder(path) {
    try {
        rmdirSync(path);
    } catch {
        // Gone already.
    }
}

/** @param {unknown} error */
function codeOf(error) {
    return error instanceof Error && "code" in error ? error.code : undefined;
}
