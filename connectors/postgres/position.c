/* SPDX-License-Identifier: Apache-2.0 */
/* Positions to offset maps and back. */
#include "connectors/postgres/position.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"

/* An integer member; *ret stays when it is missing or null. */
static enum cv_rc
get_integer(const struct cv_value *map, const char *key, uint64_t *ret, bool *ret_found, struct cv_err *err)
{
    const struct cv_value *val = cv_map_get(map, key);

    *ret_found = false;
    if (val == NULL || val->is_null)
        return CV_OK;
    if (val->type > CV_INT64 || val->integer < 0)
        return cv_fail(err, CV_INVALID,
                       "the offset's \"%s\" is no non-negative integer; reset or repair it", key);
    *ret = (uint64_t)val->integer;
    *ret_found = true;
    return CV_OK;
}

static bool
is_true(const struct cv_value *map, const char *key)
{
    const struct cv_value *val = cv_map_get(map, key);

    return val != NULL && !val->is_null && val->type == CV_BOOLEAN && val->boolean;
}

static bool
is_text(const struct cv_value *val, const char *text)
{
    return val != NULL && !val->is_null && val->type == CV_STRING && val->bytes.len == strlen(text) &&
           memcmp(val->bytes.data, text, val->bytes.len) == 0;
}

static enum position_phase
phase_of(const struct cv_value *map)
{
    const struct cv_value *snapshot = cv_map_get(map, "snapshot");

    if (snapshot == NULL || snapshot->is_null)
        return POSITION_STREAM;
    /* a blocking snapshot runs while streaming: one that was cut off is not begun again by itself */
    if (is_text(snapshot, "INCREMENTAL") || is_text(snapshot, "BLOCKING"))
        return POSITION_STREAM;
    if (is_true(map, "last_snapshot_record") || is_true(map, "snapshot_completed"))
        return POSITION_STREAM;
    return POSITION_SNAPSHOT;
}

static const struct {
    const char *name;
    char type;
} change_types[] = { { "INSERT", 'I' }, { "UPDATE", 'U' }, { "DELETE", 'D' }, { "TRUNCATE", 'T' } };

/* The type of change that "messageType" names; 0: a commit, a message, or nothing. */
static char
change_type(const struct cv_value *map)
{
    const struct cv_value *val = cv_map_get(map, "messageType");

    for (size_t i = 0; i < CV_COUNT(change_types); i++)
        if (is_text(val, change_types[i].name))
            return change_types[i].type;
    return '\0';
}

static const char *
change_name(char type)
{
    for (size_t i = 0; i < CV_COUNT(change_types); i++)
        if (change_types[i].type == type)
            return change_types[i].name;
    return "INSERT";
}

/* Text of digits: numbers that a signed 64-bit member could not hold. */
static uint64_t
get_digits(const struct cv_value *map, const char *key)
{
    const struct cv_value *val = cv_map_get(map, key);
    char text[24];

    if (val == NULL || val->type != CV_STRING || val->is_null || val->bytes.len >= sizeof(text))
        return 0;
    memcpy(text, val->bytes.data, val->bytes.len);
    text[val->bytes.len] = '\0';
    return strtoull(text, NULL, 10);
}

/*
 * How far into the next transaction the offset is. Ours says so exactly. In Debezium's, the change of "lsn_proc" is
 * behind the commit of "lsn_commit", unless "messageType" says that it is that commit, or a logical message, which
 * does not move lsn_proc.
 */
static enum cv_rc
read_partial(const struct cv_value *map, cv_lsn proc, struct position *pos, struct cv_err *err)
{
    struct position_partial part = { .txid = pos->txid, .time_us = pos->time_us };
    bool ours, found;

    if (get_integer(map, "culvert_transaction", &part.final_lsn, &ours, err) != CV_OK ||
        get_integer(map, "culvert_changes", &part.changes, &found, err) != CV_OK ||
        get_integer(map, "culvert_lsn", &part.last_lsn, &found, err) != CV_OK)
        return err->rc;
    part.type = change_type(map);
    if (part.type != '\0')
        part.row_lsn = proc;
    if (ours || part.row_lsn != CV_LSN_NONE)
        pos->partial = part;
    return CV_OK;
}

enum cv_rc
position_read(const struct cv_value *offset, struct position *ret, struct cv_err *err)
{
    struct position pos = { .phase = POSITION_NONE };
    uint64_t time_us = 0, timeline = 0, proc = 0;
    bool has_lsn, has_commit, has_proc, found;

    if (offset == NULL || offset->is_null) {
        *ret = pos;
        return CV_OK;
    }
    if (offset->type != CV_MAP)
        return cv_fail(err, CV_INVALID, "the offset is no object; reset it");
    pos.phase = phase_of(offset);
    if (get_integer(offset, "lsn", &pos.lsn, &has_lsn, err) != CV_OK ||
        get_integer(offset, "lsn_proc", &proc, &has_proc, err) != CV_OK ||
        get_integer(offset, "lsn_commit", &pos.last_commit, &has_commit, err) != CV_OK ||
        get_integer(offset, "txId", &pos.txid, &found, err) != CV_OK ||
        get_integer(offset, "ts_usec", &time_us, &found, err) != CV_OK ||
        get_integer(offset, "culvert_timeline", &timeline, &found, err) != CV_OK)
        return err->rc;
    if (!has_lsn)
        return cv_fail(err, CV_INVALID, "the offset has no \"lsn\"; reset it");
    if (has_commit)
        pos.lsn = pos.last_commit; /* streams restart at a commit */
    else if (has_proc)
        pos.lsn = CV_LSN_NONE; /* inside the first transaction: the slot knows where it begins */
    if (get_integer(offset, "culvert_commit", &pos.last_commit, &found, err) != CV_OK)
        return err->rc;
    pos.time_us = (cv_time_us)time_us;
    pos.timeline = (uint32_t)timeline;
    pos.system_id = get_digits(offset, "culvert_system");
    if (pos.phase == POSITION_STREAM && has_proc && read_partial(offset, proc, &pos, err) != CV_OK)
        return err->rc;
    *ret = pos;
    return CV_OK;
}

static enum cv_rc
put_integer(struct cv_arena *arena, struct cv_value *map, const char *key, uint64_t v, struct cv_err *err)
{
    return cv_map_put(arena, map, key, cv_int(CV_INT64, (int64_t)v), err);
}

static enum cv_rc
put_snapshot(const struct position *pos, struct cv_arena *arena, struct cv_value *map, struct cv_err *err)
{
    const char *name = pos->blocking ? "BLOCKING" : "INITIAL";

    if (cv_map_put(arena, map, "last_snapshot_record", cv_boolean(pos->snapshot_last), err) != CV_OK ||
        put_integer(arena, map, "lsn", pos->lsn, err) != CV_OK ||
        put_integer(arena, map, "txId", pos->txid, err) != CV_OK ||
        put_integer(arena, map, "ts_usec", (uint64_t)pos->time_us, err) != CV_OK ||
        cv_map_put(arena, map, "snapshot", cv_cstring(name), err) != CV_OK)
        return err->rc;
    return cv_map_put(arena, map, "snapshot_completed", cv_boolean(pos->snapshot_last), err);
}

static enum cv_rc
put_bare(const struct position *pos, struct cv_arena *arena, struct cv_value *map, struct cv_err *err)
{
    if (put_integer(arena, map, "lsn", pos->lsn, err) != CV_OK ||
        put_integer(arena, map, "txId", pos->txid, err) != CV_OK)
        return err->rc;
    return put_integer(arena, map, "ts_usec", (uint64_t)pos->time_us, err);
}

static enum cv_rc
put_commit(const struct position *pos, struct cv_arena *arena, struct cv_value *map, struct cv_err *err)
{
    if (put_integer(arena, map, "lsn_proc", pos->lsn, err) != CV_OK ||
        cv_map_put(arena, map, "messageType", cv_cstring("COMMIT"), err) != CV_OK ||
        put_integer(arena, map, "lsn_commit", pos->lsn, err) != CV_OK ||
        put_integer(arena, map, "lsn", pos->lsn, err) != CV_OK ||
        put_integer(arena, map, "txId", pos->txid, err) != CV_OK)
        return err->rc;
    return put_integer(arena, map, "ts_usec", (uint64_t)pos->time_us, err);
}

/* Inside of a transaction, as Debezium writes it with every row. */
static enum cv_rc
put_row(const struct position *pos, struct cv_arena *arena, struct cv_value *map, struct cv_err *err)
{
    const struct position_partial *part = &pos->partial;

    if (put_integer(arena, map, "lsn_proc", part->row_lsn, err) != CV_OK ||
        cv_map_put(arena, map, "messageType", cv_cstring(change_name(part->type)), err) != CV_OK ||
        (pos->lsn != CV_LSN_NONE && put_integer(arena, map, "lsn_commit", pos->lsn, err) != CV_OK) ||
        put_integer(arena, map, "lsn", part->row_lsn, err) != CV_OK ||
        put_integer(arena, map, "txId", part->txid, err) != CV_OK)
        return err->rc;
    return put_integer(arena, map, "ts_usec", (uint64_t)part->time_us, err);
}

/* A quiet database moves the position without a commit that anybody saw. */
static enum cv_rc
put_last_commit(const struct position *pos, struct cv_arena *arena, struct cv_value *map, struct cv_err *err)
{
    if (pos->last_commit == pos->lsn)
        return CV_OK;
    return put_integer(arena, map, "culvert_commit", pos->last_commit, err);
}

/* What is exact behind it. */
static enum cv_rc
put_partial(const struct position_partial *part, struct cv_arena *arena, struct cv_value *map, struct cv_err *err)
{
    if (part->final_lsn == CV_LSN_NONE)
        return CV_OK;
    if (put_integer(arena, map, "culvert_transaction", part->final_lsn, err) != CV_OK ||
        put_integer(arena, map, "culvert_changes", part->changes, err) != CV_OK)
        return err->rc;
    return put_integer(arena, map, "culvert_lsn", part->last_lsn, err);
}

enum cv_rc
position_write(const struct position *pos, struct cv_arena *arena, struct cv_value **ret, struct cv_err *err)
{
    struct cv_value *map = cv_map_new(arena, 14);
    char text[24];
    char *system;
    enum cv_rc rc;

    snprintf(text, sizeof(text), "%" PRIu64, pos->system_id);
    system = cv_arena_strdup(arena, text);
    if (map == NULL || system == NULL)
        return cv_fail_memory(err);
    if (pos->bare)
        rc = put_bare(pos, arena, map, err);
    else if (pos->phase == POSITION_SNAPSHOT || pos->snapshot_last)
        rc = put_snapshot(pos, arena, map, err);
    else if (pos->partial.row_lsn != CV_LSN_NONE)
        rc = put_row(pos, arena, map, err);
    else
        rc = put_commit(pos, arena, map, err);
    if (rc == CV_OK && pos->phase == POSITION_STREAM && !pos->bare && !pos->snapshot_last)
        rc = put_last_commit(pos, arena, map, err);
    if (rc == CV_OK && pos->phase == POSITION_STREAM)
        rc = put_partial(&pos->partial, arena, map, err);
    if (rc != CV_OK || cv_map_put(arena, map, "culvert_system", cv_cstring(system), err) != CV_OK ||
        put_integer(arena, map, "culvert_timeline", pos->timeline, err) != CV_OK)
        return err->rc;
    *ret = map;
    return CV_OK;
}

enum cv_rc
position_partition(const char *topic_prefix, struct cv_arena *arena, struct cv_value **ret,
                   struct cv_err *err)
{
    struct cv_value *map = cv_map_new(arena, 1);
    char *server = cv_arena_strdup(arena, topic_prefix);

    if (map == NULL || server == NULL)
        return cv_fail_memory(err);
    if (cv_map_put(arena, map, "server", cv_cstring(server), err) != CV_OK)
        return err->rc;
    *ret = map;
    return CV_OK;
}
