/** How long a person waits without a word, in milliseconds. */
const patienceMs = 1000;

/**
 * What takes its time. Short, with what tells them apart first: in a terminal of 80 columns the engine shows about 20
 * characters of a line that passes, behind the name of the stack.
 */
export type Phase =
    | "looking at target"
    | "reaching shadow"
    | "starting shadow"
    | "copying catalog"
    | "trying migrations"
    | "removing shadow"
    | "counting rows";

/** Tells what is under way once it takes longer than a second, and how long each phase took. */
export class Progress {
    readonly #say: (line: string) => void;
    readonly #tookPhase: (phase: Phase, ms: number) => void;
    readonly #started = performance.now();
    #current: { phase: Phase; since: number } | undefined;
    #timer: NodeJS.Timeout | undefined;

    constructor(say: (line: string) => void, tookPhase: (phase: Phase, ms: number) => void = () => {}) {
        this.#say = say;
        this.#tookPhase = tookPhase;
    }

    /** Ends the phase before. */
    enter(phase: Phase): void {
        this.end();
        const now = performance.now();
        const current = { phase, since: now };
        this.#current = current;
        const wait = Math.max(0, patienceMs - (now - this.#started));
        this.#timer = setTimeout(() => this.#say(`${phase} …`), wait);
        this.#timer.unref();
    }

    end(): void {
        clearTimeout(this.#timer);
        if (this.#current) this.#tookPhase(this.#current.phase, performance.now() - this.#current.since);
        this.#current = undefined;
    }
}
