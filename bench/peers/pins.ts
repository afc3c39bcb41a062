/** Peers from npm, each at one version. */
export const npmPeers = {
    dbmate: "2.36.0",
    "node-pg-migrate": "9.0.0",
    "graphile-migrate": "1.4.1",
    supabase: "3.1.0",
    /** What node-pg-migrate asks for beside it; the version that we have. */
    pg: "8.23.1",
} as const;

/** A peer that is a Go program. */
interface GoPeer {
    readonly version: string;
    readonly package: string;
    /** Without the drivers of other databases. */
    readonly tags: string;
}

/** Peers from Go modules, by the name of the program. pgroll's version is in pgroll/go.mod. */
export const goPeers: Readonly<Record<"goose" | "migrate", GoPeer>> = {
    goose: {
        version: "3.29.0",
        package: "github.com/pressly/goose/v3/cmd/goose",
        tags: "no_clickhouse,no_libsql,no_mssql,no_mysql,no_sqlite3,no_vertica,no_ydb",
    },
    migrate: {
        version: "4.20.1",
        package: "github.com/golang-migrate/migrate/v4/cmd/migrate",
        tags: "postgres",
    },
};

export const pgrollVersion = "0.14.0";
