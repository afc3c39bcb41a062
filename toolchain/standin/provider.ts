import type { Official } from "./refusal.ts";
import type { Properties } from "./values.ts";

/** One input that is wrong, in the engine's terms. */
export interface Failure {
    readonly property: string;
    readonly reason: string;
}

/** The inputs as they will be stored, or what is wrong with them. */
export interface Checked {
    readonly inputs: Properties;
    readonly failures: readonly Failure[];
}

/** What changed between the state and the new inputs. */
export interface Difference {
    readonly changed: readonly string[];
    /** Those of the changed ones that force a replacement. */
    readonly replaces: readonly string[];
    /** On a replacement: delete the old one first. */
    readonly deleteFirst: boolean;
}

/**
 * One kind of resource. Properties carry the engine's marks of secrets; `plain` takes them off.
 * Nothing but create, read, update and delete may have an effect or connect to anything.
 */
export interface ResourceKind {
    /** Whether `read` finds all of it by its id alone, so that the engine can take over what no state knows. */
    readonly importable?: true;
    check(urn: string, inputs: Properties): Checked;
    diff(outputs: Properties, oldInputs: Properties, inputs: Properties): Difference;
    /** The outputs as far as a preview can know them. */
    foresee(inputs: Properties): Properties;
    create(urn: string, inputs: Properties, cancelled: AbortSignal): Promise<{ id: string; outputs: Properties }>;
    update(urn: string, outputs: Properties, inputs: Properties, cancelled: AbortSignal): Promise<Properties>;
    delete(urn: string, outputs: Properties, cancelled: AbortSignal): Promise<void>;
    /** What is there now, or undefined when it is gone. */
    read(urn: string, id: string, outputs: Properties, inputs: Properties): Promise<ReadState | undefined>;
}

/** What a refresh found. */
export interface ReadState {
    readonly outputs: Properties;
    readonly inputs: Properties;
}

/** A plugin: its settings and the kinds of resources that it knows, by type token. */
export interface Provider {
    readonly official: Official;
    readonly kinds: Readonly<Record<string, ResourceKind>>;
    checkSettings(urn: string, settings: Properties): readonly Failure[];
    /** Takes the settings over; called once, before anything else is asked of a resource. */
    configure(settings: Properties): void;
}
