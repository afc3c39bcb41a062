import { type BucketSettings, putBucket, removeBucket } from "../bucket.ts";
import { connected } from "../database/connection.ts";
import { print } from "../output.ts";
import { printedStep } from "../printedStep.ts";
import { readJson } from "../stdinJson.ts";
import { UserError } from "../userError.ts";

const environment = process.env;

export interface AuditOptions {
    /** In minutes. */
    readonly grace: number;
    readonly json?: boolean;
}

/** `audit`: rows and files that do not belong together. */
export async function audit({ grace, json }: AuditOptions): Promise<void> {
    await connected(environment, "audit", async client => {
        const { auditDatasets, auditLines, countOf, remediesOf } = await import("../audit.ts");
        const found = await auditDatasets(client, grace);
        for (const line of json ? [JSON.stringify(found)] : auditLines(found)) print(line);
        const count = countOf(found);
        if (count > 0)
            throw new UserError(`The audit has ${count} finding${count === 1 ? "" : "s"}.`, remediesOf(found));
    });
}

/** `bucket put`: stdin is {@link BucketSettings} as JSON. */
export async function bucketPut(): Promise<void> {
    const settings = await readJson<BucketSettings>(
        ["name", "maxBytes", "mimeTypes"],
        `for example: echo '{"name": "datasets", "maxBytes": 52428800, "mimeTypes": ["text/csv"]}' | node runner/main.ts bucket put`,
    );
    await printedStep(environment, "bucket put", async session => {
        await putBucket(session, settings, environment);
        return `bucket ${settings.name} ready`;
    });
}

/** `bucket remove`: stdin is the name of {@link BucketSettings} as JSON. */
export async function bucketRemove(): Promise<void> {
    const { name } = await readJson<Pick<BucketSettings, "name">>(
        ["name"],
        `for example: echo '{"name": "datasets"}' | node runner/main.ts bucket remove`,
    );
    await printedStep(environment, "bucket remove", session => removeBucket(session, name, environment));
}
