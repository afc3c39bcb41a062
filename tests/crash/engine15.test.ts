import { engineSweep } from "./engineSweep.ts";

// Each begins where the one before it has ended.
engineSweep(15, [
    { during: "up", kill: ["engine", /^create role/], then: "up" },
    { during: "destroy", kill: ["engine", /^drop role/], then: "destroy" },
    { during: "up", kill: ["command plugin", 0.35], then: "up" },
    { during: "destroy", kill: ["command plugin", 0.75], then: "destroy" },
    { during: "up", kill: ["engine", /^with mirrored/], then: "destroy" },
    { during: "up", kill: ["language host", 0.5], then: "up" },
    { during: "destroy", kill: ["command plugin", /^with removed/], then: "up" },
    { during: "destroy", kill: ["engine", /^with removed/], then: "up" },
    { during: "destroy", kill: ["everything", 0.5], then: "destroy" },
    { during: "up", kill: ["engine", 0.65], then: "up" },
]);
