import { spawn } from "node:child_process";
import { chmod, cp, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { makeAuthority, makeCertificate } from "../support/certificate.ts";
import { outcomeOf, ownEnvironment } from "../support/engine.ts";
import { copyProject, userEnvironment } from "../support/projectCopy.ts";
import { type StackTarget, stackTarget } from "../support/stackTarget.ts";

const root = join(import.meta.dirname, "../..");

/** What a team has when the story begins, in one folder: a remote, two databases, and how to log in there. */
export interface Team {
    readonly folder: string;
    /** Of a shell there. */
    readonly environment: NodeJS.ProcessEnv;
    /** Ends the servers and removes the folder. */
    readonly remove: () => Promise<void>;
}

/** Who pasted these into the SQL editor stopped before the ones that name roles which the stack makes. */
const lastByHand = "0021";

/** The plan that the story begins with: what is added to sql/ later is no part of it. */
const lastOfPlan = "0023";

/** What people have made by now: datasets, and runs that failed. */
const rows = `
    insert into public.datasets (owner_id, name, file_path, file_type)
    select id, 'weather ' || n, id || '/weather-' || n || '.csv', 'csv'
    from generate_series(1, 3) as n, auth.users where email = 'ada@example.com';
    update public.simulation_runs set status = 'failed', error_message = 'station ' || right(name, 1) || ' is silent'
    where name in ('Run 3', 'Run 7', 'Run 9');
    analyze`;

/** Makes it. The caller removes it. */
export async function makeTeam(): Promise<Team> {
    const folder = await mkdtemp(join(tmpdir(), "simulation-db-story-"));
    const ends: (() => Promise<void>)[] = [() => rm(folder, { recursive: true, force: true, maxRetries: 5 })];
    const remove = async () => {
        for (const end of ends.reverse()) await end();
    };
    try {
        // The account that PostgreSQL runs under passes through.
        await chmod(folder, 0o711);
        for (const name of ["tls", "tmp", "state"]) await mkdir(join(folder, name), { mode: 0o711 });
        const environment = await shellEnvironment(folder);
        const ca = await makeAuthority(join(folder, "tls"), "ca");
        await makeRemote(folder, ca, environment);
        const { certificate, key } = await makeCertificate(join(folder, "tls"), "ca", "DNS:localhost");
        const settings = { ssl: "on", ssl_cert_file: certificate, ssl_key_file: key };
        const passphrase = crypto.randomUUID();
        for (const name of ["staging", "prod"]) {
            const target = await stackTarget({ major: 15, settings });
            ends.push(() => target.stop());
            await migrateByHand(target);
            await writeFile(join(folder, `${name}.env`), secretsOf(target, folder, passphrase));
        }
        return { folder, environment, remove };
    } catch (error) {
        await remove();
        throw error;
    }
}

/** A person's home is the folder, so nothing of this machine's user has a say. */
async function shellEnvironment(folder: string): Promise<NodeJS.ProcessEnv> {
    await writeFile(
        join(folder, ".gitconfig"),
        "[user]\n\tname = Ada\n\temail = ada@example.com\n[init]\n\tdefaultBranch = main\n[push]\n\tdefault = current\n",
    );
    return {
        ...(await userEnvironment(join(folder, "tmp", "node-cache"))),
        HOME: folder,
        TMPDIR: join(folder, "tmp"),
        GIT_CONFIG_NOSYSTEM: "1",
        PSQLRC: "/dev/null",
        // Both databases are on this machine: toolchain/environment.ts, standInsServe.
        SIMULATION_DB_STAND_INS: "loopback",
    };
}

/** A bare repository with this project in it, and the certificate that both databases are known by. */
async function makeRemote(folder: string, ca: string, environment: NodeJS.ProcessEnv): Promise<void> {
    const first = join(folder, "tmp", "first");
    await copyProject(first);
    for (const name of await readdir(join(first, "sql"))) {
        if (/^\d{4}_/.test(name) && name > `${lastOfPlan}_~`) await rm(join(first, "sql", name), { recursive: true });
    }
    await mkdir(join(first, "certs"));
    await cp(ca, join(first, "certs", "ca.crt"));
    await runScript(
        `git init -q --bare ../../remote.git && git init -q && git add . && git commit -q -m "Begin with simulation-db" &&
         git push -q ../../remote.git main`,
        first,
        environment,
    );
    await rm(first, { recursive: true });
}

/** As a person does in psql, statement by statement. */
async function migrateByHand({ cluster, admin }: StackTarget): Promise<void> {
    await runScript(
        `for up in sql/*/up.sql; do
            [[ $up > sql/${lastByHand}_~ ]] || psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --file "$up" || exit
         done`,
        root,
        { ...ownEnvironment(), ...cluster.environment },
    );
    await admin.query(rows);
}

async function runScript(script: string, cwd: string, env: NodeJS.ProcessEnv): Promise<void> {
    const child = spawn("bash", ["-c", script], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    const { code, output } = await outcomeOf(child);
    if (code !== 0) throw new Error(output);
}

/** What a pipeline has as secrets and variables, as lines for a shell. */
function secretsOf({ environment }: StackTarget, folder: string, passphrase: string): string {
    const all = {
        ...environment,
        PGHOST: "localhost",
        PGSSLMODE: "verify-full",
        PGSSLROOTCERT: "certs/ca.crt",
        PULUMI_BACKEND_URL: pathToFileURL(join(folder, "state")).href,
        PULUMI_CONFIG_PASSPHRASE: passphrase,
    };
    return Object.entries(all)
        .map(([name, value]) => `export ${name}=${value}\n`)
        .join("");
}
