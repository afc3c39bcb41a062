// Every version that no lockfile holds. `npm test` compares those that package.json names as well.

/** The engine that is fetched where none is installed, and the oldest installed one that is used. */
export const pulumiVersion = "3.230.0";

/** Provider plugins: the engine asks for exactly the versions of the SDK packages of the same name. */
export const pluginVersions = { command: "1.2.1", postgresql: "3.18.0" } as const;

export type PluginName = keyof typeof pluginVersions;

/** Go that the module in go/cli says it needs; an older one (from 1.21 on) fetches it by itself. */
export const goVersion = "1.25.8";

/**
 * SHA-256 of official release archives, by file name, for machines that must not trust the download site alone.
 * An archive that is not named here is held against the checksums file that the release publishes.
 */
export const archiveChecksums: Readonly<Record<string, string>> = {};

/** A program of the engine, and the Go module in go/ that builds it. */
export interface EngineProgram {
    readonly name: "pulumi" | "pulumi-language-nodejs";
    readonly folder: string;
    readonly package: string;
    /** For the progress line. */
    readonly about: string;
}

export const enginePrograms: readonly EngineProgram[] = [
    {
        name: "pulumi",
        folder: "cli",
        package: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
        about: "building the Pulumi CLI from its Go module (about 4 minutes, once) ...",
    },
    {
        // The last version line in which this program is part of the sdk module; it serves this engine as well.
        name: "pulumi-language-nodejs",
        folder: "nodejs-host",
        package: "github.com/pulumi/pulumi/sdk/v3/nodejs/cmd/pulumi-language-nodejs",
        about: "building the Node.js language host from its Go module (about 30 seconds, once) ...",
    },
];
