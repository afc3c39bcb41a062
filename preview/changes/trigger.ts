/** A trigger, as its row of the catalog says it. */
export interface Trigger {
    /** The statement that makes it. */
    readonly text: string;
    /** What `alter table … trigger` says to have it so: a new one is `enable`. */
    readonly state: string;
    /** `on`, `off` */
    readonly words: string;
}

/** Of pg_trigger.tgenabled. */
const states: Readonly<Record<string, Pick<Trigger, "state" | "words">>> = {
    O: { state: "enable", words: "on" },
    D: { state: "disable", words: "off" },
    R: { state: "enable replica", words: "on in replication only" },
    A: { state: "enable always", words: "on, in replication too" },
};

/** Reads the definition of a key `trigger … on …`; without a text where there is none. */
export function readTrigger(definition: string | null): Trigger {
    const [, text = "", letter = "O"] = /^(.*), enabled (.)$/s.exec(definition ?? "") ?? [];
    return { text, ...(states[letter] ?? { state: "enable", words: "on" }) };
}
