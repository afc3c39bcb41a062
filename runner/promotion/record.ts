import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { readFile } from "node:fs/promises";
import type pg from "pg";
import { type DatabaseIdentity, readIdentity } from "../database/identity.ts";
import { shortName } from "../database/settings.ts";
import { readLedger } from "../ledger/ledger.ts";
import { UserError } from "../userError.ts";

/** A migration that ran to its end in the stack of the record. */
export interface PromotedMigration {
    readonly version: string;
    readonly slug: string;
    /** SHA-256 of the up.sql that ran. */
    readonly upHash: string;
    /** ISO 8601. */
    readonly appliedAt: string;
}

/** What ran to its end in one stack, for the stack that comes after it: small, and checked without a database. */
export interface PromotionRecord {
    readonly format: 1;
    /** `simulation-db/staging` */
    readonly stack: string;
    readonly database: DatabaseIdentity;
    /** When it was made, ISO 8601. */
    readonly madeAt: string;
    readonly migrations: readonly PromotedMigration[];
    /** Ed25519 over the other fields, in base64; none when it was made without a key. */
    readonly signature?: string;
}

/** Where the record of a stack is, unless a variable names another place: a folder that git does not see. */
export function recordFile(stack: string): string {
    return `.local/promotion/${shortName(stack)}.json`;
}

/**
 * Makes the record from the ledger. What a person marked as applied is left out: nobody saw it run.
 *
 * @param key the private key, as PEM; none: the record is not signed
 */
export async function makeRecord(client: pg.Client, stack: string, key?: string): Promise<PromotionRecord> {
    const ledger = await readLedger(client);
    const record: PromotionRecord = {
        format: 1,
        stack,
        database: await readIdentity(client),
        madeAt: new Date().toISOString(),
        migrations: ledger
            .filter(({ repaired }) => !repaired)
            .map(({ version, slug, upHash, appliedAt }) => ({
                version,
                slug,
                upHash,
                appliedAt: appliedAt.toISOString(),
            })),
    };
    if (!key) return record;
    return { ...record, signature: sign(null, signedPart(record), privateKey(key)).toString("base64") };
}

/**
 * Reads a record and checks whose it is.
 *
 * @param stack whose it must be: `simulation-db/staging`
 * @param publicKey in base64, SPKI; empty: a signature is not asked for
 * @throws UserError when it is missing, damaged, another stack's, or not signed with that key
 */
export async function readRecord(file: string, stack: string, publicKey: string): Promise<PromotionRecord> {
    const remedy = `make it anew: npm run promotion -- -s ${shortName(stack)}`;
    const text = await readFile(file, "utf8").catch(() => undefined);
    if (text === undefined) throw new UserError(`there is no record of ${stack}: ${file} is missing.`, [remedy]);
    const record = parsed(text);
    if (record === undefined) {
        throw new UserError(`${file} is no promotion record that this version can read.`, [remedy]);
    }
    if (record.stack !== stack) {
        throw new UserError(`${file} is the record of ${record.stack}, and ${stack} is asked for.`, [remedy]);
    }
    if (publicKey !== "" && !isSigned(record, publicKey)) {
        const how = record.signature === undefined ? "is not signed" : "is not signed with the key of promotionKey";
        throw new UserError(`${file} ${how}, or was changed since.`, [
            `${remedy}, where SIMULATION_DB_PROMOTION_KEY is set`,
        ]);
    }
    return record;
}

function parsed(text: string): PromotionRecord | undefined {
    try {
        const record = JSON.parse(text) as PromotionRecord;
        const whole = record.migrations.every(({ version, upHash }) => /^\d{4}$/.test(version) && upHash !== "");
        return record.format === 1 && whole ? record : undefined;
    } catch {
        return undefined;
    }
}

function isSigned(record: PromotionRecord, publicKey: string): boolean {
    return verify(null, signedPart(record), publicKeyOf(publicKey), Buffer.from(record.signature ?? "", "base64"));
}

/** The same bytes whoever wrote the file, and however it is laid out. */
function signedPart({ format, stack, database, madeAt, migrations }: PromotionRecord): Buffer {
    const rows = migrations.map(({ version, slug, upHash, appliedAt }) => [version, slug, upHash, appliedAt]);
    return Buffer.from(JSON.stringify([format, stack, database, madeAt, rows]));
}

function privateKey(pem: string): KeyObject {
    try {
        const key = createPrivateKey(pem);
        if (key.asymmetricKeyType === "ed25519") return key;
    } catch {
        // OpenSSL's words do not help, and might quote the key.
    }
    throw new UserError("SIMULATION_DB_PROMOTION_KEY is no Ed25519 private key.", [
        "make one: openssl genpkey -algorithm ed25519",
    ]);
}

function publicKeyOf(text: string): KeyObject {
    try {
        const key = createPublicKey({ key: Buffer.from(text, "base64"), format: "der", type: "spki" });
        if (key.asymmetricKeyType === "ed25519") return key;
    } catch {
        // Said below.
    }
    throw new UserError("promotionKey is no Ed25519 public key in base64.", [
        "print it: openssl pkey -in KEY.pem -pubout -outform DER | openssl base64 -A",
    ]);
}
