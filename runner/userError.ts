/**
 * A mistake or a fault that a person can mend: shown as its text alone, never with a stack trace.
 * Everything else that is thrown is a defect of this project.
 */
export class UserError extends Error {
    /** What to do next, one sentence each. */
    readonly next: readonly string[];

    constructor(message: string, next: readonly string[] = []) {
        super(message);
        this.name = "UserError";
        this.next = next;
    }
}

/** The text a person sees: the message, then what to do next. */
export function explain(error: unknown): string {
    if (!(error instanceof UserError)) return error instanceof Error ? (error.stack ?? error.message) : String(error);
    return [error.message, ...error.next.map(step => `  → ${step}`)].join("\n");
}
