/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Validation with a connection: login, wal_level, rights, slot, publication, each probed, each error at the option
 * that mends it. Debezium stops at the login; the rest is what keeps a task from starting all the same.
 */
#include "connectors/postgres/validate.h"

#include <stdlib.h>
#include <string.h>

#include "connectors/postgres/config_check.h"
#include "connectors/postgres/publication.h"
#include "connectors/postgres/slot.h"
#include "connectors/postgres/table.h"

#define TIMEOUT_MS 10000

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
probe_replication(PGconn *conn, const struct pg_config *config, struct cv_config_errors *errors)
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

static void
probe_slot(PGconn *conn, const struct pg_config *config, struct cv_config_errors *errors)
{
    struct slot_info slot;
    struct cv_err err;

    if (slot_read(conn, config->slot_name, &slot, &err) != CV_OK) {
        add(errors, "slot.name", &err);
    } else if (slot.exists && strcmp(slot.plugin, "pgoutput") != 0) {
        cv_config_errors_add(errors, "slot.name",
                             "The 'slot.name' value is invalid: slot \"%s\" exists with the plug-in \"%s\"; choose another "
                             "name or drop it",
                             config->slot_name, slot.plugin);
    } else if (slot.exists && strcmp(slot.database, config->dbname) != 0) {
        cv_config_errors_add(errors, "slot.name",
                             "The 'slot.name' value is invalid: slot \"%s\" belongs to database \"%s\"; choose another "
                             "name",
                             config->slot_name, slot.database);
    }
}

static void
probe_publication(PGconn *conn, const struct pg_config *config, struct cv_config_errors *errors)
{
    bool exists = false, all = false;
    struct cv_err err;

    if (publication_exists(conn, config->publication_name, &exists, &all, &err) != CV_OK)
        add(errors, "publication.name", &err);
    else if (!exists && config->publication_autocreate == PG_AUTOCREATE_DISABLED)
        cv_config_errors_add(errors, "publication.name",
                             "The 'publication.name' value is invalid: publication \"%s\" does not exist in database "
                             "\"%s\" and publication.autocreate.mode is disabled; create it or change the mode",
                             config->publication_name, config->dbname);
}

/* Tables that the role cannot read are named, the first of them. */
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
    for (size_t i = 0; i < tables.count; i++) {
        char sql[80];
        PGresult *res = NULL;
        bool readable;

        snprintf(sql, sizeof(sql), "SELECT has_table_privilege(%u, 'SELECT')", tables.items[i]->oid);
        if (pg_query(conn, sql, &res, "could not read table rights", &err) != CV_OK) {
            add(errors, "table.include.list", &err);
            break;
        }
        readable = PQgetvalue(res, 0, 0)[0] == 't';
        PQclear(res);
        if (!readable) {
            cv_config_errors_add(errors, "table.include.list",
                                 "role \"%s\" may not read table \"%s.%s\": GRANT SELECT on it, or leave it out",
                                 config->user, tables.items[i]->schema, tables.items[i]->name);
            break;
        }
    }
out:
    pg_tables_done(&tables);
    catalog_free(catalog);
    table_filter_free(filter);
}

/* A connection that fails is reported in the words of PostgreSQL's JDBC driver, as recorded; failures that it has no
   words for in ours. */
static void
connection_error(const struct pg_config *config, const char *message, const struct cv_err *err,
                 struct cv_config_errors *errors)
{
    static const char key[] = "database.hostname", in_front[] = "Error while validating connector config: ";

    if (strncmp(message, "FATAL:", 6) == 0)
        cv_config_errors_add(errors, key, "%sFATAL: %s", in_front, message + 6 + strspn(message + 6, " "));
    else if (strstr(message, "Connection refused") != NULL)
        cv_config_errors_add(errors, key,
                             "%sConnection to %s:%d refused. Check that the hostname and port are correct and that "
                             "the postmaster is accepting TCP/IP connections.",
                             in_front, config->hostname, (int)config->port);
    else if (strstr(message, "could not translate host name") != NULL)
        cv_config_errors_add(errors, key, "%sThe connection attempt failed.", in_front);
    else if (strstr(message, "server does not support SSL") != NULL)
        cv_config_errors_add(errors, key, "%sThe server does not support SSL.", in_front);
    else
        cv_config_errors_add(errors, key, "%s%s", in_front, err->text);
}

static void
probe(const struct pg_config *config, struct cv_config_errors *errors)
{
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
    if (pg_connect_verbose(config, PG_SESSION_ORDINARY, TIMEOUT_MS, &conn, message, &err) != CV_OK) {
        connection_error(config, message, &err, errors);
        return;
    }
    probe_wal_level(conn, errors);
    probe_replication(conn, config, errors);
    probe_slot(conn, config, errors);
    probe_publication(conn, config, errors);
    if (config->snapshot_mode == PG_SNAPSHOT_INITIAL)
        probe_tables(conn, config, errors);
    PQfinish(conn);
}

enum cv_rc
pg_validate(const struct cv_config *cfg, struct cv_config_errors *errors, struct cv_err *err)
{
    struct pg_config config;
    size_t before = errors->count;

    check_together(cfg, errors);
    if (errors->count == before)
        check_not_served(cfg, errors);
    if (errors->count > before)
        return CV_OK;
    if (pg_config_parse(cfg, &config, err) == CV_OK)
        probe(&config, errors);
    else
        cv_config_errors_add(errors, "connector.class", "%s", err->text);
    pg_config_done(&config);
    return CV_OK;
}
