/** How many backups of a database may be kept: the fewest and the most. */
export const keepRange = [1, 1000] as const;

/** What the stack says about backups. */
export interface BackupSettings {
    /** `required`: no backup, no change; `optional`: one warning line instead; `off`: none is tried. */
    readonly mode: "required" | "optional" | "off";
    /** Where the backups go, relative to the project's root. */
    readonly folder: string;
    /** How many backups of this database are kept; the oldest go, the newest never does. */
    readonly keep: number;
}
