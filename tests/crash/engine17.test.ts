import { engineSweep } from "./engineSweep.ts";

// Each begins where the one before it has ended.
engineSweep(17, [
    { during: "up", kill: ["postgresql plugin", /^create role/], then: "up" },
    { during: "destroy", kill: ["postgresql plugin", /^drop role/], then: "destroy" },
    { during: "up", kill: ["engine", 0.45], then: "up" },
    { during: "destroy", kill: ["engine", 0.7], then: "destroy" },
    { during: "up", kill: ["everything", 0.55], then: "destroy" },
    { during: "up", kill: ["command plugin", /^with mirrored/], then: "destroy" },
    { during: "up", kill: ["program", 0.4], then: "up" },
    { during: "destroy", kill: ["command plugin", 0.1], then: "destroy" },
    { during: "up", kill: ["engine", 0.85], then: "up" },
    { during: "destroy", kill: ["engine", /^revoke/], then: "up" },
]);
