import assert from "node:assert/strict";
import type { PostgresMajor } from "../../local/cluster.ts";
import { down, downAll, record, up, upAll } from "./legs.ts";
import { Sweep } from "./sweep.ts";

/** What a run asks the server, in the order in which it does: an up, then a down. */
const steps: readonly RegExp[] = [
    /^start-up$/,
    /as identity/,
    /pg_try_advisory_lock/,
    /^select to_regclass\('simulation_db\.migration'\)/,
    /^select version, slug, up_hash/,
    /^select from simulation_db\.changes\(true, \$1\)/,
    /^select from simulation_db\.changes\(true\) where not exists/,
    /^begin isolation/,
    /'up 0001'/,
    /^notice: logged/,
    /^notice: table made/,
    /^select note from public\.items limit 0/,
    /^with mirrored as materialized/,
    /^commit; *\s*reset role/,
    /^update simulation_db\.migration set undo = simulation_db\.changes/,
    /^insert into public\.notes .* overriding system value/,
    /^with put as \(\s+update only public\.items as t set/,
    /^select count\(\*\)::float8 as rows, sum\(hash_record_extended\(row\(a\./,
    /^select count\(\*\)::float8 as rows, sum\(hash_record_extended\(row\(t\./,
    /^select setval/,
    /^drop table simulation_db_archive/,

    /^insert into simulation_db\.unfinished/,
    /^update simulation_db\.unfinished set running = \$1/,
    /^create index concurrently items_kind/,
    /^alter table public\.items validate/,
    /^drop index concurrently public\.items_old/,
    /^create unique index concurrently items_both/,
    /^update simulation_db\.unfinished set running = null/,
    /^delete from simulation_db\.unfinished/,

    /^select from simulation_db\.changes\(true\);\s+select from simulation_db\.catalog_of/,
    /^lock table public\.notes in share row exclusive mode; create table simulation_db_archive/,
    /^insert into simulation_db\.archive/,
    /'down 0001'/,
    /^notice: table dropped/,
    /^with done as materialized/,
    /^with removed as \(delete from simulation_db\.migration/,
    /^with noted as \(/,
    /^drop index concurrently public\.items_both/,
    /^create index concurrently items_old/,
];

/**
 * What is struck here, every step is struck on both versions of the server: on the one by a kill, on the other by a cut,
 * which is the same to the server; and the other way round.
 *
 * @param odd whether the odd trips are those with a kill
 */
export function runnerSweep(major: PostgresMajor, odd: boolean): void {
    const kills = { from: odd ? 1 : 2, every: 2 };
    const cuts = { from: odd ? 2 : 1, every: 2 };
    // A run begins with the same trips whatever it is about.
    const later = { kills: { from: odd ? 9 : 8, every: 2 }, cuts: { from: odd ? 8 : 9, every: 2 } };
    const some = { from: odd ? 10 : 12, every: 4 };
    describe(`a fault at every step of a run (PostgreSQL ${major})`, function () {
        this.timeout(300_000);
        let sweep: Sweep;
        before(async () => {
            sweep = await Sweep.open(major);
        });
        after(() => sweep?.close());

        it("in a transaction: killed, the same command again ends right, up and down", async () => {
            await sweep.thereAndBack(up("0001"), down("0001"), { fault: "kill the runner", side: "answer", ...kills });
        });

        it("in a transaction: cut off, it ends by itself with clear words, and the next one ends right", async () => {
            await sweep.thereAndBack(up("0001"), down("0001"), {
                fault: "cut the connection",
                side: "answer",
                ...cuts,
            });
        });

        it("without a transaction: killed while the server works, the same command again ends right", async () => {
            await sweep.go(up("0001"));
            await sweep.thereAndBack(up("0002"), down("0002"), {
                fault: "kill the runner",
                side: "work",
                ...later.kills,
            });
            await sweep.go(down("0001"));
        });

        it("without a transaction: cut off, it ends by itself with clear words, and the next one ends right", async () => {
            await sweep.go(up("0001"));
            await sweep.thereAndBack(up("0002"), down("0002"), {
                fault: "cut the connection",
                side: "answer",
                ...later.cuts,
            });
            await sweep.go(down("0001"));
        });

        it("turned round after a kill, nothing of it is left: in a transaction", async () => {
            await sweep.turnedRound(up("0001"), down("0001"), {
                fault: "kill the runner",
                side: "answer",
                ...some,
            });
        });

        it("turned round after a kill, nothing of it is left: without a transaction", async () => {
            await sweep.go(up("0001"));
            await sweep.turnedRound(up("0002"), down("0002"), {
                fault: "kill the runner",
                side: "answer",
                ...some,
            });
            await sweep.go(down("0001"));
        });

        it("killed while it records another down, the same command again ends right", async () => {
            await sweep.go(up("0001"));
            await sweep.thereAndBack(record("0001", true), record("0001", false), {
                fault: "kill the runner",
                side: "answer",
                from: 5,
            });
            await sweep.go(down("0001"));
        });

        it("all migrations from a shell: killed, the same command again ends right", async () => {
            await sweep.thereAndBack(upAll, downAll, {
                fault: "kill the runner",
                side: "question",
                from: odd ? 10 : 14,
                every: 8,
            });
        });

        it("no step was left out", () => {
            const struck = [...sweep.struck];
            const left = steps.filter(step => !struck.some(trip => step.test(trip)));
            assert.deepEqual(left, []);
        });

        it("counts", function () {
            assert.equal(sweep.recovered, sweep.kills);
            assert.ok(sweep.kills >= 100, `${sweep.kills} kills`);
            if (this.test) this.test.title = sweep.summary();
        });
    });
}
