import { join } from "node:path";

/** Where results and reports of previews are, from the project's folder. */
export const previewFolder = join(".local", "preview");
