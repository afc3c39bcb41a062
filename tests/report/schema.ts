import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { root } from "../docs/pages.ts";

const schema = JSON.parse(await readFile(join(root, "docs", "report.schema.json"), "utf8")) as object;
const validate = new Ajv2020({ strict: true, strictRequired: true, allowUnionTypes: true, allErrors: true }).compile(
    schema,
);

/** Fails, with all that is wrong, unless the text of a report.json is what docs/report.schema.json says. */
export function assertFitsSchema(json: string): void {
    validate(JSON.parse(json));
    assert.deepEqual(
        (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`),
        [],
    );
}
