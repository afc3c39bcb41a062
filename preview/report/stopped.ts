import { explain } from "../../runner/userError.ts";
import { markdown } from "./markdownNodes.ts";
import { redacted } from "./redact.ts";

/** Beside the reports of a stack: why the last run that was refused ended, also where it came to no report. */
export const stoppedFile = "stopped.md";

/** Why a run ended, as Markdown: without secrets, and with nothing live in it. */
export function stoppedText(error: unknown): string {
    return markdown([{ type: "code", value: redacted(explain(error)) }]);
}
