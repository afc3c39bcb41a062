// The rules that the compiler does not know; formatting is prettier's.
import tseslint from "typescript-eslint";

const noEnums = { selector: "TSEnumDeclaration", message: "Node strips types, it does not compile: no enums." };

/** Imports follow config → index.ts → components → runner → database; `folders` may not import `forbidden`. */
function house(folders, forbidden, message) {
    const selector = `ImportExpression[source.value=/^(${forbidden.map(asRegExp).join("|")})$/]`;
    return {
        files: folders,
        rules: {
            "no-restricted-imports": ["error", { patterns: [{ group: forbidden, message }] }],
            // That rule sees no import(). A later entry for a rule takes the place of an earlier one.
            "no-restricted-syntax": ["error", noEnums, { selector, message }],
        },
    };
}

/** For a selector, in which a slash would end the expression. */
function asRegExp(pattern) {
    return pattern.replaceAll(".", "[.]").replaceAll(/\*+/g, ".*").replaceAll("/", "\\x2F");
}

export default tseslint.config(
    { ignores: ["node_modules/", ".local/", "eslint.config.mjs"] },
    {
        files: ["**/*.ts", "**/*.mjs"],
        extends: [tseslint.configs.recommendedTypeChecked],
        languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
        rules: {
            "@typescript-eslint/consistent-type-imports": "error",
            // Values of a driver or a YAML file end in messages as they are.
            "@typescript-eslint/restrict-template-expressions": "off",
            "@typescript-eslint/no-base-to-string": "off",
            // A function may be async to keep a promise that others await.
            "@typescript-eslint/require-await": "off",
            "@typescript-eslint/no-unused-vars": [
                "error",
                { varsIgnorePattern: "^_", destructuredArrayIgnorePattern: "^_", ignoreRestSiblings: true },
            ],
            "no-restricted-syntax": ["error", noEnums],
        },
    },
    {
        // Rows of a query are what the test says they are; the assertion that follows checks it. Plain JavaScript has no types to lose.
        files: ["tests/**", "**/*.mjs"],
        rules: {
            "@typescript-eslint/no-unsafe-argument": "off",
            "@typescript-eslint/no-unsafe-assignment": "off",
            "@typescript-eslint/no-unsafe-call": "off",
            "@typescript-eslint/no-unsafe-member-access": "off",
            "@typescript-eslint/no-unsafe-return": "off",
        },
    },
    house(
        ["runner/**"],
        [
            "@pulumi/*",
            "**/components/**",
            "**/config.ts",
            "**/preview/**",
            "**/authoring/**",
            "**/local/**",
            "**/toolchain/**",
        ],
        "The runner knows nothing of Pulumi, the stack or the embedded default: it works from a shell too.",
    ),
    house(
        ["components/**"],
        [
            "node:fs*",
            "node:process",
            "pg",
            "**/config.ts",
            "**/index.ts",
            "**/local/**",
            "**/toolchain/**",
            "**/preview/**",
            "**/authoring/**",
        ],
        "Components declare: files, environment, config and connections come as arguments or belong to the runner.",
    ),
    {
        files: ["components/**"],
        rules: { "no-restricted-globals": ["error", { name: "process", message: "Take it as an argument." }] },
    },
    house(
        ["preview/**"],
        ["**/components/**", "**/config.ts", "**/index.ts", "**/authoring/**", "**/local/**", "**/toolchain/**"],
        "A preview looks at the target with the runner's parts.",
    ),
    house(
        ["preview/shadow/**"],
        ["**/components/**", "**/config.ts", "**/index.ts", "**/authoring/**", "**/toolchain/**"],
        "A shadow is a server of its own, which local/ knows how to start.",
    ),
    house(
        ["authoring/**"],
        ["@pulumi/*", "**/components/**", "**/config.ts", "**/index.ts", "**/toolchain/**"],
        "Authors use the runner's and the preview's parts, and a server of local/: none of it needs the engine.",
    ),
    house(
        ["config.ts", "configKeys.ts", "index.ts"],
        ["**/authoring/**", "**/local/**", "**/toolchain/**"],
        "The stack does not know how the database or the engine came here.",
    ),
    house(
        ["local/**"],
        ["@pulumi/*", "**/components/**", "**/config.ts", "**/preview/**", "**/authoring/**", "**/toolchain/**"],
        "The embedded default stands on its own: it knows nothing of those that use it.",
    ),
);
