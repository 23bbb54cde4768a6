/* SPDX-License-Identifier: Apache-2.0 */
/* Shared parts of the transforms: see smt.h. An instance belongs to one task's thread. */
#include <config.h>

#include "transforms/smt.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "data/java_order.h"
#include "data/java_string.h"
#include "data/lru.h"

#define SCHEMAS_MAX 2048 /* a source has a key and a value schema a table */

/* A schema and what was made of it. The reference to the first keeps its address its own. */
struct smt_derived {
    struct cv_schema *from;
    struct cv_schema *to;
};

static void
derived_free(void *ptr)
{
    struct smt_derived *d = ptr;

    cv_schema_unref(d->from);
    cv_schema_unref(d->to);
    free(d);
}

static void *
options_of(struct smt *smt)
{
    return (char *)smt + smt->options_at;
}

enum cv_rc
smt_new(const struct cv_plugin *plugin, const struct cv_config *cfg, size_t size, size_t options_at,
        struct cv_transform **ret, struct cv_err *err)
{
    struct cv_config_errors errors = { .items = NULL };
    const char *variant = strchr(plugin->name, '$');
    struct smt *smt = calloc(1, size);
    enum cv_rc rc;

    if (smt == NULL)
        return cv_fail_memory(err);
    smt->base.plugin = plugin;
    smt->on_key = variant != NULL && strcmp(variant, "$Key") == 0;
    smt->options_at = options_at;
    rc = cv_config_parse(plugin->config, cfg, options_of(smt), &errors, err);
    cv_config_errors_done(&errors);
    if (rc == CV_OK) {
        smt->schemas = lru_new(SCHEMAS_MAX, derived_free);
        if (smt->schemas == NULL)
            rc = cv_fail_memory(err);
    }
    if (rc == CV_OK)
        *ret = &smt->base;
    else
        smt_free(&smt->base);
    return rc;
}

void
smt_free(struct cv_transform *xf)
{
    struct smt *smt;

    if (xf == NULL)
        return;
    smt = cv_container_of(xf, struct smt, base);
    lru_free(smt->schemas);
    cv_config_done(xf->plugin->config, options_of(smt));
    free(smt);
}

struct cv_value *
smt_operand(const struct smt *smt, struct cv_record *rec)
{
    return smt->on_key ? &rec->key : &rec->value;
}

enum cv_rc
smt_require_map(const struct cv_value *val, const char *purpose, struct cv_err *err)
{
    if (!val->is_null && val->type == CV_MAP)
        return CV_OK;
    return cv_fail(err, CV_INVALID, "Only Map objects supported in absence of schema for [%s], found: %s",
                   purpose, java_class_name(val->schema, val));
}

enum cv_rc
smt_require_struct(const struct cv_value *val, const char *purpose, struct cv_err *err)
{
    if (!val->is_null && val->type == CV_STRUCT)
        return CV_OK;
    return cv_fail(err, CV_INVALID, "Only Struct objects supported for [%s], found: %s", purpose,
                   java_class_name(val->schema, val));
}

const struct cv_value *
smt_or_default(const struct cv_value *val, const struct cv_schema *schema, bool replace_null)
{
    return val->is_null && replace_null && schema != NULL && schema->def != NULL ? schema->def : val;
}

const struct cv_value *
smt_field(const struct cv_value *strct, size_t index, bool replace_null)
{
    return smt_or_default(cv_struct_at(strct, index), strct->schema->fields[index].schema, replace_null);
}

struct cv_value *
smt_map_copy(const struct cv_value *map, struct cv_arena *arena, struct cv_err *err)
{
    struct cv_value *copy = cv_map_new(arena, map->map.count + 4);

    if (copy == NULL) {
        cv_fail_memory(err);
        return NULL;
    }
    if (map->map.count > 0)
        memcpy(copy->map.entries, map->map.entries, map->map.count * sizeof(*map->map.entries));
    copy->map.count = map->map.count;
    return copy;
}

enum cv_rc
smt_map_done(struct cv_value *map, const struct cv_value *copy, struct cv_err *err)
{
    uint32_t table = java_table_of_copy(map->map.count);

    *map = *copy;
    return java_order_map_from(map, table, err);
}

/* Make what is missing under the key and keep it there, with a reference to from. */
static enum cv_rc
make(struct smt *smt, const void *key, size_t len, const struct cv_schema *from, const void *detail,
     smt_build_for *build, struct smt_derived **ret, struct cv_err *err)
{
    struct cv_schema *to = NULL;
    struct smt_derived *d;

    if (build(smt, from, detail, &to, err) != CV_OK)
        return err->rc;
    d = malloc(sizeof(*d));
    if (d == NULL) {
        cv_schema_unref(to);
        return cv_fail_memory(err);
    }
    *d = (struct smt_derived){ .from = cv_schema_ref(from), .to = to };
    if (!lru_put(smt->schemas, key, len, d))
        return cv_fail_memory(err);
    *ret = d;
    return CV_OK;
}

enum cv_rc
smt_schema_for(struct smt *smt, const struct cv_schema *from, const void *detail, size_t len,
               smt_build_for *build, struct cv_arena *arena, const struct cv_schema **ret, struct cv_err *err)
{
    size_t key_len = sizeof(from) + len;
    char small[256], *key = key_len <= sizeof(small) ? small : malloc(key_len);
    struct smt_derived *d;
    enum cv_rc rc = CV_OK;

    if (key == NULL)
        return cv_fail_memory(err);
    memcpy(key, &from, sizeof(from));
    if (len > 0)
        memcpy(key + sizeof(from), detail, len);
    d = lru_get(smt->schemas, key, key_len);
    if (d == NULL)
        rc = make(smt, key, key_len, from, detail, build, &d, err);
    if (rc == CV_OK)
        rc = cv_schema_hold(arena, d->to, err);
    if (rc == CV_OK)
        *ret = d->to;
    if (key != small)
        free(key);
    return rc;
}

static enum cv_rc
build_plain(struct smt *smt, const struct cv_schema *from, const void *build, struct cv_schema **ret,
            struct cv_err *err)
{
    return (*(smt_build *const *)build)(smt, from, ret, err);
}

enum cv_rc
smt_schema(struct smt *smt, const struct cv_schema *from, smt_build *build, struct cv_arena *arena,
           const struct cv_schema **ret, struct cv_err *err)
{
    return smt_schema_for(smt, from, &build, 0, build_plain, arena, ret, err);
}

void
smt_abandon(struct cv_schema_builder *b)
{
    struct cv_err ignored = CV_ERR_INIT;
    struct cv_schema *made = NULL;

    if (b != NULL && cv_schema_finish(b, &made, &ignored) == CV_OK)
        cv_schema_unref(made);
}

bool
smt_list_has(const struct cv_list *list, const char *item)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i], item) == 0)
            return true;
    return false;
}

enum cv_rc
smt_valid_non_empty_list(const struct cv_config_def *def, const char *value, struct cv_err *err)
{
    (void)def;
    return value[0] != '\0' ? CV_OK : cv_fail(err, CV_INVALID, SMT_EMPTY_LIST);
}
