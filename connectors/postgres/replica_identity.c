/* SPDX-License-Identifier: Apache-2.0 */
/* Replica identities: "pattern:FULL, pattern:INDEX name", patterns of schema.table without regard to case. */
#include "connectors/postgres/replica_identity.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "common/log.h"
#include "common/regex.h"

#define SQL_MAX  1024
#define NAME_MAX 512

struct rule {
    char *pattern;
    struct cv_regex *tables;
    char identity; /* as pg_class.relreplident: d, f, n, i */
    char *index;   /* of i */
};

struct rules {
    struct rule *items;
    size_t count;
};

static void
rules_done(struct rules *rules)
{
    for (size_t i = 0; i < rules->count; i++) {
        free(rules->items[i].pattern);
        free(rules->items[i].index);
        cv_regex_free(rules->items[i].tables);
    }
    free(rules->items);
}

static char
identity_of(const char *text)
{
    return strncasecmp(text, "INDEX ", 6) == 0 ? 'i'
           : strcasecmp(text, "FULL") == 0     ? 'f'
           : strcasecmp(text, "NOTHING") == 0  ? 'n'
                                               : 'd';
}

/* One "pattern:IDENTITY", whose form the configuration's check has seen; item is changed. */
static enum cv_rc
parse_rule(char *item, struct rules *rules, struct cv_err *err)
{
    struct rule *rule = &rules->items[rules->count];
    char *colon = strrchr(item, ':');
    size_t end = strlen(item);

    if (colon == NULL)
        return CV_OK;
    while (end > 0 && (item[end - 1] == ' ' || item[end - 1] == '\t'))
        item[--end] = '\0';
    *colon++ = '\0';
    item += strspn(item, " \t");
    rule->identity = identity_of(colon);
    rules->count++;
    rule->pattern = strdup(item);
    if (rule->identity == 'i')
        rule->index = strdup(colon + 6);
    if (rule->pattern == NULL || (rule->identity == 'i' && rule->index == NULL))
        return cv_fail_memory(err);
    if (cv_regex_new(item, true, &rule->tables, err) != CV_OK)
        return cv_err_context(err, "replica.identity.autoset.values");
    return CV_OK;
}

static enum cv_rc
parse_rules(const char *text, struct rules *rules, struct cv_err *err)
{
    char *copy = strdup(text), *save = NULL;
    enum cv_rc rc = CV_OK;

    rules->items = calloc(strlen(text) + 1, sizeof(*rules->items));
    if (copy == NULL || rules->items == NULL)
        rc = cv_fail_memory(err);
    for (char *item = rc == CV_OK ? strtok_r(copy, ",", &save) : NULL; item != NULL && rc == CV_OK;
         item = strtok_r(NULL, ",", &save))
        rc = parse_rule(item, rules, err);
    free(copy);
    return rc;
}

static enum cv_rc
find_rule(const struct rules *rules, const struct pg_table *table, const struct rule **ret, struct cv_err *err)
{
    char name[NAME_MAX];

    *ret = NULL;
    snprintf(name, sizeof(name), "%s.%s", table->schema, table->name);
    for (size_t i = 0; i < rules->count; i++) {
        if (!cv_regex_matches(rules->items[i].tables, name, strlen(name)))
            continue;
        if (*ret != NULL)
            return cv_fail(err, CV_INVALID,
                           "replica.identity.autoset.values: \"%s\" and \"%s\" both match table \"%s\"; let only one "
                           "of them do so",
                           (*ret)->pattern, rules->items[i].pattern, name);
        *ret = &rules->items[i];
    }
    return CV_OK;
}

/* Whether the table has that identity already. */
static enum cv_rc
is_set(PGconn *conn, const struct pg_table *table, const struct rule *rule, bool *ret, struct cv_err *err)
{
    struct cv_buf sql = CV_BUF_INIT(SQL_MAX);
    PGresult *res = NULL;
    enum cv_rc rc;

    *ret = table->replica_identity == rule->identity;
    if (!*ret || rule->identity != 'i')
        return CV_OK;
    cv_buf_printf(&sql, "SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = %u"
                        " AND i.indisreplident AND c.relname = ", table->oid);
    cv_buf_sql_literal(&sql, rule->index);
    rc = cv_buf_check(&sql, err);
    if (rc == CV_OK)
        rc = pg_query(conn, cv_buf_cstr(&sql), &res, "could not read the replica identity", err);
    if (rc == CV_OK)
        *ret = PQntuples(res) > 0;
    PQclear(res);
    cv_buf_free(&sql);
    return rc;
}

static enum cv_rc
alter(PGconn *conn, const struct pg_table *table, const struct rule *rule, struct cv_err *err)
{
    struct cv_buf sql = CV_BUF_INIT(SQL_MAX);
    enum cv_rc rc;

    cv_buf_str(&sql, "ALTER TABLE ");
    cv_buf_sql_ident(&sql, table->schema);
    cv_buf_char(&sql, '.');
    cv_buf_sql_ident(&sql, table->name);
    cv_buf_str(&sql, " REPLICA IDENTITY ");
    if (rule->identity == 'i') {
        cv_buf_str(&sql, "USING INDEX ");
        cv_buf_sql_ident(&sql, rule->index);
    } else {
        cv_buf_str(&sql, rule->identity == 'f' ? "FULL" : rule->identity == 'n' ? "NOTHING" : "DEFAULT");
    }
    rc = cv_buf_check(&sql, err);
    if (rc == CV_OK && pg_command(conn, cv_buf_cstr(&sql), "could not set the replica identity", err) != CV_OK)
        rc = cv_err_context(err, "replica.identity.autoset.values, table \"%s.%s\"", table->schema, table->name);
    cv_buf_free(&sql);
    return rc;
}

/* insufficient_privilege: only the owner may. */
static bool
may_not(const struct cv_err *err)
{
    return strcmp(err->sqlstate, "42501") == 0;
}

enum cv_rc
replica_identity_set(PGconn *conn, const struct pg_config *config, const struct pg_tables *tables, struct cv_log *log,
                     struct cv_err *err)
{
    struct rules rules = { 0 };
    enum cv_rc rc;

    if (config->replica_identities == NULL || config->replica_identities[0] == '\0')
        return CV_OK;
    rc = parse_rules(config->replica_identities, &rules, err);
    for (size_t i = 0; i < tables->count && rc == CV_OK; i++) {
        const struct rule *rule = NULL;
        bool done = false;

        rc = find_rule(&rules, tables->items[i], &rule, err);
        if (rc == CV_OK && rule != NULL)
            rc = is_set(conn, tables->items[i], rule, &done, err);
        if (rc != CV_OK || rule == NULL || done)
            continue;
        rc = alter(conn, tables->items[i], rule, err);
        if (rc == CV_OK) {
            CV_LOG_INFO(log, "replica identity set", CV_STR("relation", tables->items[i]->name));
        } else if (may_not(err)) {
            CV_LOG_WARN(log, "the role may not set the replica identity; the table keeps the one it has", CV_ERR(err));
            rc = CV_OK;
        }
    }
    rules_done(&rules);
    return rc;
}

enum cv_rc
replica_identity_check(const struct pg_config *config, const struct pg_tables *tables, struct cv_err *err)
{
    struct rules rules = { 0 };
    const struct rule *rule;
    enum cv_rc rc = CV_OK;

    if (config->replica_identities == NULL || config->replica_identities[0] == '\0')
        return CV_OK;
    rc = parse_rules(config->replica_identities, &rules, err);
    for (size_t i = 0; i < tables->count && rc == CV_OK; i++)
        rc = find_rule(&rules, tables->items[i], &rule, err);
    rules_done(&rules);
    return rc;
}
