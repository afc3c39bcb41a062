import { join } from "node:path";
import { asProgram } from "../runner/asProgram.ts";
import { reading } from "../runner/database/connection.ts";
import { stackOf } from "../runner/database/settings.ts";
import { readTexts } from "../runner/ledger/ledger.ts";
import { say } from "../runner/output.ts";
import { driftOf } from "./drift/drift.ts";
import { previewFolder } from "./folder.ts";
import { present } from "./report/presentation.ts";
import { rehearse } from "./trial/rehearsal.ts";

// `npm run destroy -- --preview`: what rolling everything back would do, tried on a shadow. The engine does not run the
// stack's program for a destroy, so this is a program of its own; what it shows is what the ledger says is applied.

const { env } = process;

await asProgram(async () => {
    const toRollBack = (await reading(env, "preview", readTexts)).reverse();
    const rehearsal = await rehearse({
        environment: env,
        pending: [],
        toRollBack,
        cacheFolder: join(previewFolder, "cache"),
        say,
    });
    const { general, rollbacks, stop } = await present({
        stack: `${stackOf(env)}-destroy`,
        rehearsal,
        pending: [],
        toRollBack,
        drift: driftOf(rehearsal.look, { nothing: true }),
        // A rollback is stopped by nothing but that it would not run.
        settings: { exposedSchemas: [], maxLockMs: Infinity },
        gates: { gates: "default", requireVerified: false, drift: "warn" },
    });
    for (const { lines } of [...rollbacks, ...general]) console.log(lines.join("\n"));
    if (toRollBack.length === 0) console.log("no migration is applied: there is nothing to roll back");
    if (stop) throw stop;
});
