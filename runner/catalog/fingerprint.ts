/**
 * Tables of the system catalog that anybody may read. Left out: what traffic changes (statistics, large objects,
 * replication) and what is not part of this database.
 */
export const fingerprintTables = [
    ...["aggregate", "am", "amop", "amproc", "attrdef", "attribute", "auth_members", "cast", "class", "collation"],
    ...["constraint", "conversion", "database", "db_role_setting", "default_acl", "depend", "description", "enum"],
    ...["event_trigger", "extension", "foreign_data_wrapper", "foreign_server", "foreign_table", "index", "inherits"],
    ...["init_privs", "language", "namespace", "opclass", "operator", "opfamily", "parameter_acl", "partitioned_table"],
    ...["policy", "proc", "publication", "publication_namespace", "publication_rel", "range", "rewrite", "seclabel"],
    ...["sequence", "shdescription", "shseclabel", "statistic_ext", "tablespace", "transform", "trigger", "ts_config"],
    ...["ts_config_map", "ts_dict", "ts_parser", "ts_template", "type"],
].map(name => `pg_catalog.pg_${name}`);

/** Of these not everybody may see which version a row has; they are small, so their text does as well. */
const views = [
    "select to_jsonb(r) - 'rolpassword' from pg_catalog.pg_roles as r",
    "select to_jsonb(m) - 'umoptions' from pg_catalog.pg_user_mappings as m",
    "select jsonb_build_array(oid, subname, subowner, subenabled, subslotname, subpublications) from pg_catalog.pg_subscription",
];

/** A row's version: the transaction that wrote it, counted so that the number stays the same while time goes on. */
const writtenBy = "case age(xmin) when 2147483647 then 0 else (age(xmin)::bigint - age('3'::xid)) & 4294967295 end";

/**
 * Makes `simulation_db.fingerprint()`: a short text that is the same as before only if `simulation_db.catalog()` would
 * say the same as before. It is made of where each row of the system catalog is and who wrote it, and looks at none of
 * them closely, so it takes a tenth of the time. Rows that move without a change only make it say "changed".
 */
export const createFingerprint = `
    create or replace function simulation_db.fingerprint() returns text
        language plpgsql stable set search_path = '' set jit = off
        as $fingerprint$
        begin
            return concat_ws(' ', current_setting('server_version_num'), current_user, (
                select sum(part) from (
                    ${[
                        ...fingerprintTables.map(
                            table => `select sum(hashtidextended(ctid, ${writtenBy})) as part from ${table}`,
                        ),
                        ...views.map(
                            view => `select sum(hashtextextended(each.line::text, 0)) from (${view}) as each (line)`,
                        ),
                    ].join("\n                    union all ")}
                ) as parts
            ));
        end
        $fingerprint$;
    revoke execute on function simulation_db.fingerprint() from public`;
