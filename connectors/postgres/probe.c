/* SPDX-License-Identifier: Apache-2.0 */
/* Probes of the server, for validation. Debezium stops at the login, and says the rest when the task has failed. */
#include "connectors/postgres/probe.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "connectors/postgres/catalog.h"
#include "connectors/postgres/publication.h"
#include "connectors/postgres/replica_identity.h"
#include "connectors/postgres/slot.h"
#include "connectors/postgres/table.h"

static void
add(struct cv_config_errors *errors, const char *key, const struct cv_err *why)
{
    cv_config_errors_add(errors, key, "%s", why->text);
}

static void
probe_wal_level(PGconn *conn, struct cv_config_errors *errors)
{
    PGresult *res = NULL;
    struct cv_err err;

    if (pg_query(conn, "SHOW wal_level", &res, "could not read wal_level", &err) != CV_OK)
        add(errors, "database.hostname", &err);
    else if (strcmp(PQgetvalue(res, 0, 0), "logical") != 0)
        cv_config_errors_add(errors, "database.hostname",
                             "Error while validating connector config: wal_level of the server is \"%s\", but must be "
                             "\"logical\": set it in postgresql.conf and restart the server",
                             PQgetvalue(res, 0, 0));
    PQclear(res);
}

static void
probe_role(PGconn *conn, const struct pg_config *config, struct cv_config_errors *errors)
{
    PGresult *res = NULL;
    struct cv_err err;

    if (pg_query(conn,
                 "SELECT rolreplication OR rolsuper OR EXISTS (SELECT FROM pg_roles r WHERE r.rolname IN"
                 " ('rds_replication', 'azure_pg_admin') AND pg_has_role(current_user, r.oid, 'member'))"
                 " FROM pg_roles WHERE rolname = current_user",
                 &res, "could not read the role's rights", &err) != CV_OK)
        add(errors, "database.user", &err);
    else if (PQntuples(res) == 1 && PQgetvalue(res, 0, 0)[0] != 't')
        cv_config_errors_add(errors, "database.user",
                             "Error while validating connector config: role \"%s\" has no REPLICATION right: run ALTER "
                             "ROLE \"%s\" REPLICATION as a superuser",
                             config->user, config->user);
    PQclear(res);
}

/* A slot that is to be made needs room. */
static void
probe_slot_room(PGconn *conn, const struct pg_config *config, struct cv_config_errors *errors)
{
    PGresult *res = NULL;
    struct cv_err err;

    if (pg_query(conn, "SELECT setting, count(s.slot_name) >= setting::int FROM pg_settings LEFT JOIN "
                       "pg_replication_slots s ON true WHERE name = 'max_replication_slots' GROUP BY setting",
                 &res, "could not count the replication slots", &err) != CV_OK)
        add(errors, "slot.name", &err);
    else if (PQgetvalue(res, 0, 1)[0] == 't')
        cv_config_errors_add(errors, "slot.name",
                             "The 'slot.name' value is invalid: slot \"%s\" cannot be made, because all %s slots of "
                             "the server are taken: drop one that is not used, or raise max_replication_slots",
                             config->slot_name, PQgetvalue(res, 0, 0));
    PQclear(res);
}

static void
probe_slot(PGconn *conn, const struct pg_config *config, struct cv_config_errors *errors)
{
    struct slot_info slot;
    struct cv_err err;

    if (slot_read(conn, config->slot_name, &slot, &err) != CV_OK) {
        add(errors, "slot.name", &err);
    } else if (slot.exists && strcmp(slot.plugin, "pgoutput") != 0) {
        cv_config_errors_add(errors, "slot.name",
                             "The 'slot.name' value is invalid: slot \"%s\" exists with the plug-in \"%s\"; choose "
                             "another name or drop it", config->slot_name, slot.plugin);
    } else if (slot.exists && strcmp(slot.database, config->dbname) != 0) {
        cv_config_errors_add(errors, "slot.name",
                             "The 'slot.name' value is invalid: slot \"%s\" belongs to database \"%s\"; choose another "
                             "name",
                             config->slot_name, slot.database);
    } else if (!slot.exists) {
        probe_slot_room(conn, config, errors);
    }
}

/* One boolean; what goes wrong is an error of the key, and counts as true. */
static bool
ask(PGconn *conn, const char *sql, const char *key, struct cv_config_errors *errors)
{
    PGresult *res = NULL;
    struct cv_err err;
    bool yes = true;

    if (pg_query(conn, sql, &res, "could not read the role's rights", &err) != CV_OK)
        add(errors, key, &err);
    else
        yes = PQntuples(res) == 1 && PQgetvalue(res, 0, 0)[0] == 't';
    PQclear(res);
    return yes;
}

/* Whether the role may make what publication.autocreate.mode asks for. */
static void
probe_creation(PGconn *conn, const struct pg_config *config, struct cv_config_errors *errors)
{
    static const char key[] = "publication.autocreate.mode";

    if (config->publication_autocreate == PG_AUTOCREATE_ALL) {
        if (!ask(conn, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user", key, errors))
            cv_config_errors_add(errors, key,
                                 "The '%s' value is invalid: publication \"%s\" does not exist, and role \"%s\" cannot "
                                 "make it FOR ALL TABLES, because it is no superuser: have one make it and set the "
                                 "mode to disabled, or use filtered", key, config->publication_name, config->user);
    } else if (!ask(conn, "SELECT has_database_privilege(current_database(), 'CREATE')", key, errors)) {
        cv_config_errors_add(errors, key,
                             "The '%s' value is invalid: publication \"%s\" does not exist, and role \"%s\" has no "
                             "CREATE right on database \"%s\": GRANT it, or make the publication and set the mode to "
                             "disabled",
                             key, config->publication_name, config->user, config->dbname);
    }
}

/* Mode filtered: the role must own what it puts into a publication. */
static void
probe_owner(PGconn *conn, const struct pg_config *config, const struct pg_tables *tables,
            struct cv_config_errors *errors)
{
    static const char key[] = "publication.autocreate.mode";

    for (size_t i = 0; i < tables->count; i++) {
        char sql[160];

        snprintf(sql, sizeof(sql), "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = %u",
                 tables->items[i]->oid);
        if (!tables->items[i]->logged || ask(conn, sql, key, errors))
            continue;
        cv_config_errors_add(errors, key,
                             "The '%s' value is invalid: role \"%s\" cannot add table \"%s.%s\" to publication \"%s\", "
                             "because it does not own it: make the publication as its owner and set the mode to "
                             "disabled", key, config->user, tables->items[i]->schema, tables->items[i]->name,
                             config->publication_name);
        return;
    }
}

static void
probe_publication(PGconn *conn, const struct pg_config *config, const struct pg_tables *tables,
                  struct cv_config_errors *errors)
{
    bool filtered = config->publication_autocreate == PG_AUTOCREATE_FILTERED;
    bool exists = false, all = false;
    struct cv_err err;

    if (publication_exists(conn, config->publication_name, &exists, &all, &err) != CV_OK)
        add(errors, "publication.name", &err);
    else if (!exists && config->publication_autocreate == PG_AUTOCREATE_DISABLED)
        cv_config_errors_add(errors, "publication.name",
                             "The 'publication.name' value is invalid: publication \"%s\" does not exist in database "
                             "\"%s\" and publication.autocreate.mode is disabled; create it or change the mode",
                             config->publication_name, config->dbname);
    else if (exists && all && filtered)
        cv_config_errors_add(errors, "publication.autocreate.mode",
                             "The 'publication.autocreate.mode' value is invalid: publication \"%s\" is FOR ALL TABLES "
                             "and cannot be narrowed by filtered; drop it or use another mode",
                             config->publication_name);
    else if (!exists && filtered && publication_tables(tables) == 0)
        cv_config_errors_add(errors, "table.include.list",
                             "The 'table.include.list' value is invalid: no table of database \"%s\" is captured, so "
                             "there is nothing to make publication \"%s\" of",
                             config->dbname, config->publication_name);
    else if (!exists)
        probe_creation(conn, config, errors);
    if (!exists && filtered)
        probe_owner(conn, config, tables, errors);
}

/* The first column that is sent and cannot be read; NULL: there is none. res holds the names of those that cannot. */
static const char *
first_unreadable(const struct table_filter *filter, const struct pg_table *table, const PGresult *res)
{
    for (int i = 0; i < PQntuples(res); i++)
        if (table_column_is_captured(filter, table->schema, table->name, PQgetvalue(res, i, 0)))
            return PQgetvalue(res, i, 0);
    return NULL;
}

/* A right to some columns is enough when the others are left out. false: it was told that it is not. */
static bool
may_read(PGconn *conn, const struct pg_config *config, const struct table_filter *filter, const struct pg_table *table,
         struct cv_config_errors *errors)
{
    const char *column;
    PGresult *res = NULL;
    struct cv_err err;
    char sql[240];

    snprintf(sql, sizeof(sql),
             "SELECT attname FROM pg_attribute WHERE attrelid = %u AND attnum > 0 AND NOT attisdropped"
             " AND NOT has_column_privilege(attrelid, attnum, 'SELECT') ORDER BY attnum",
             table->oid);
    if (pg_query(conn, sql, &res, "could not read the role's rights", &err) != CV_OK) {
        add(errors, "table.include.list", &err);
        return false;
    }
    column = first_unreadable(filter, table, res);
    if (column != NULL && (size_t)PQntuples(res) == table->n_columns)
        cv_config_errors_add(errors, "table.include.list",
                             "role \"%s\" may not read table \"%s.%s\": GRANT SELECT on it, or leave it out",
                             config->user, table->schema, table->name);
    else if (column != NULL)
        cv_config_errors_add(errors, "table.include.list",
                             "role \"%s\" may not read column \"%s\" of table \"%s.%s\": GRANT SELECT on it, or leave "
                             "it out (column.exclude.list)", config->user, column, table->schema, table->name);
    PQclear(res);
    return column == NULL;
}

/* The first table that the role cannot read is named. */
static void
probe_reading(PGconn *conn, const struct pg_config *config, const struct table_filter *filter,
              const struct pg_tables *tables, struct cv_config_errors *errors)
{
    for (size_t i = 0; i < tables->count; i++)
        if (!may_read(conn, config, filter, tables->items[i], errors))
            return;
}

/* Modes that read no rows need no right to read them. */
static bool
reads_rows(const struct pg_config *config)
{
    return config->snapshot_mode != PG_SNAPSHOT_NO_DATA &&
           (config->snapshot_mode != PG_SNAPSHOT_CONFIGURATION_BASED || config->configuration_based_data);
}

static void
probe_tables(PGconn *conn, const struct pg_config *config, struct cv_config_errors *errors)
{
    struct table_filter *filter = NULL;
    struct catalog *catalog = NULL;
    struct pg_tables tables = { 0 };
    struct cv_err err;

    if (table_filter_new(config, &filter, &err) != CV_OK || catalog_new(&catalog, &err) != CV_OK ||
        catalog_tables(catalog, conn, 0, &tables, &err) != CV_OK) {
        add(errors, "table.include.list", &err);
        goto out;
    }
    table_select(filter, &tables);
    probe_publication(conn, config, &tables, errors);
    if (reads_rows(config))
        probe_reading(conn, config, filter, &tables, errors);
    if (replica_identity_check(config, &tables, &err) != CV_OK)
        add(errors, "replica.identity.autoset.values", &err);
out:
    pg_tables_done(&tables);
    catalog_free(catalog);
    table_filter_free(filter);
}

/* Nothing that is asked may take longer than what is left. */
static enum cv_rc
limit_statements(PGconn *conn, int64_t left_ms, struct cv_err *err)
{
    char sql[64];

    snprintf(sql, sizeof(sql), "SET statement_timeout = %d", left_ms < 100 ? 100 : (int)left_ms);
    return pg_command(conn, sql, "could not limit the time of statements", err);
}

void
probe_database(const struct pg_config *config, int timeout_ms, struct cv_config_errors *errors)
{
    int64_t deadline = cv_mono_ms() + timeout_ms;
    PGconn *conn = NULL;
    struct cv_err err;
    char message[PG_MESSAGE_MAX];

    if (config->port < 0 || config->port > 65535) {
        cv_config_errors_add(errors, "database.hostname",
                             "Error while validating connector config: Unable to parse URL "
                             "jdbc:postgresql://%s:%d/%s",
                             config->hostname, (int)config->port, config->dbname);
        return;
    }
    if (pg_connect_verbose(config, PG_SESSION_ORDINARY, timeout_ms, &conn, message, &err) != CV_OK) {
        probe_connection_error(config, message, &err, errors);
        return;
    }
    if (limit_statements(conn, deadline - cv_mono_ms(), &err) != CV_OK) {
        add(errors, "database.hostname", &err);
    } else {
        probe_wal_level(conn, errors);
        probe_role(conn, config, errors);
        probe_slot(conn, config, errors);
        probe_tables(conn, config, errors);
    }
    PQfinish(conn);
}
