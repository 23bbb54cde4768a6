/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of Connect's embedded group protocol, and the set of units that they carry.
 *
 * Layouts: version 0 (ConnectProtocol) and 1, 2 (IncrementalCooperativeConnectProtocol, KIP-415 and
 * KIP-507). Readers use the newest layout for every version and take missing trailing fields for
 * absent, as Java does: a version 0 assignment is then simply one without revoked work and delay.
 * No thread of its own; values belong to the caller.
 */
#include <config.h>

#include "worker/group/protocol.h"

#include <stdlib.h>

#include "common/reader.h"

/* Bounds for hostile peers: a task costs four bytes on the wire and a copy of its connector's name
   here, and sets are searched from one end to the other. Far above what one worker can run. */
#define WORK_UNITS_MAX 50000
#define WORK_BYTES_MAX ((size_t)64 << 20)
#define ASSIGNMENT_MAX ((size_t)16 << 20)
#define STRING_MAX     32767

void
group_work_done(struct group_work *work)
{
    size_t i;

    for (i = 0; i < work->count; i++)
        free(work->items[i].connector);
    free(work->items);
    *work = (struct group_work){ 0 };
}

static size_t
work_find(const struct group_work *work, const char *connector, int32_t task)
{
    size_t i;

    for (i = 0; i < work->count; i++) {
        if (work->items[i].task == task && strcmp(work->items[i].connector, connector) == 0)
            break;
    }
    return i;
}

bool
group_work_has(const struct group_work *work, const char *connector, int32_t task)
{
    return work_find(work, connector, task) < work->count;
}

bool
group_work_append(struct group_work *work, const char *connector, int32_t task)
{
    char *name;

    if (work->count == work->cap) {
        size_t cap = work->cap == 0 ? 8 : work->cap * 2;
        struct group_unit *items = realloc(work->items, cap * sizeof(*items));

        if (items == NULL)
            return false;
        work->items = items;
        work->cap = cap;
    }
    name = strdup(connector);
    if (name == NULL)
        return false;
    work->items[work->count++] = (struct group_unit){ .connector = name, .task = task };
    return true;
}

bool
group_work_add(struct group_work *work, const char *connector, int32_t task)
{
    return group_work_has(work, connector, task) || group_work_append(work, connector, task);
}

void
group_work_remove(struct group_work *work, const char *connector, int32_t task)
{
    size_t i = work_find(work, connector, task);

    if (i == work->count)
        return;
    free(work->items[i].connector);
    work->count--;
    memmove(work->items + i, work->items + i + 1, (work->count - i) * sizeof(*work->items));
}

bool
group_work_copy(struct group_work *ret, const struct group_work *from)
{
    struct group_work copy = { 0 };
    size_t i;

    for (i = 0; i < from->count; i++) {
        if (!group_work_append(&copy, from->items[i].connector, from->items[i].task)) {
            group_work_done(&copy);
            return false;
        }
    }
    *ret = copy;
    return true;
}

/* Position first, so that the earliest of equal units is the one that stays. */
struct work_order {
    const struct group_unit *unit;
    size_t index;
};

static int
work_order_compare(const void *a, const void *b)
{
    const struct work_order *left = a, *right = b;
    int order = strcmp(left->unit->connector, right->unit->connector);

    if (order != 0)
        return order;
    if (left->unit->task != right->unit->task)
        return left->unit->task < right->unit->task ? -1 : 1;
    return left->index < right->index ? -1 : 1;
}

/* Drop repeated units, keep the order of the others. Java's lists can hold duplicates. */
static bool
work_unique(struct group_work *work)
{
    struct work_order *order;
    size_t i, kept = 0;

    if (work->count < 2)
        return true;
    order = calloc(work->count, sizeof(*order));
    if (order == NULL)
        return false;
    for (i = 0; i < work->count; i++)
        order[i] = (struct work_order){ .unit = &work->items[i], .index = i };
    qsort(order, work->count, sizeof(*order), work_order_compare);
    for (i = work->count - 1; i > 0; i--) {
        struct group_unit *unit = &work->items[order[i].index];

        if (unit->task == order[i - 1].unit->task &&
            strcmp(unit->connector, order[i - 1].unit->connector) == 0) {
            free(unit->connector);
            unit->connector = NULL;
            order[i].unit = order[i - 1].unit;
        }
    }
    for (i = 0; i < work->count; i++) {
        if (work->items[i].connector != NULL)
            work->items[kept++] = work->items[i];
    }
    work->count = kept;
    free(order);
    return true;
}

void
group_assignment_done(struct group_assignment *assignment)
{
    free(assignment->leader);
    free(assignment->leader_url);
    group_work_done(&assignment->assigned);
    group_work_done(&assignment->revoked);
    *assignment = (struct group_assignment){ 0 };
}

void
group_metadata_done(struct group_metadata *metadata)
{
    free(metadata->url);
    group_assignment_done(&metadata->allocation);
    *metadata = (struct group_metadata){ 0 };
}

/* NULL is written as the empty string. A string that the format cannot carry fails the buffer. */
static void
write_string(struct cv_buf *out, const char *str)
{
    size_t len = str == NULL ? 0 : strlen(str);

    if (len > STRING_MAX) {
        if (out->failed == CV_OK)
            out->failed = CV_INVALID;
        return;
    }
    cv_buf_be16(out, (uint16_t)len);
    if (len > 0)
        cv_buf_add(out, str, len);
}

static bool
starts_connector(const struct group_work *work, size_t i)
{
    const char *connector = work->items[i].connector;
    size_t j;

    for (j = i; j > 0; j--) {
        if (strcmp(work->items[j - 1].connector, connector) == 0)
            return false;
    }
    return true;
}

/* The tasks of one connector: the connector itself first, then tasks in the order of the set. */
static void
write_tasks(struct cv_buf *out, const struct group_work *work, size_t first)
{
    const char *connector = work->items[first].connector;
    uint32_t count = 0;
    size_t i, count_at;

    count_at = out->len;
    cv_buf_be32(out, 0);
    if (group_work_has(work, connector, GROUP_CONNECTOR)) {
        cv_buf_be32(out, (uint32_t)GROUP_CONNECTOR);
        count++;
    }
    for (i = first; i < work->count; i++) {
        const struct group_unit *unit = &work->items[i];

        if (unit->task == GROUP_CONNECTOR || strcmp(unit->connector, connector) != 0)
            continue;
        cv_buf_be32(out, (uint32_t)unit->task);
        count++;
    }
    if (out->failed == CV_OK) {
        out->data[count_at] = (char)(count >> 24);
        out->data[count_at + 1] = (char)(count >> 16);
        out->data[count_at + 2] = (char)(count >> 8);
        out->data[count_at + 3] = (char)count;
    }
}

/* One element a connector, in order of first appearance: equal sets in equal order give equal
 * bytes. */
static void
write_work(struct cv_buf *out, const struct group_work *work)
{
    uint32_t connectors = 0;
    size_t i;

    for (i = 0; i < work->count; i++)
        connectors += starts_connector(work, i);
    cv_buf_be32(out, connectors);
    for (i = 0; i < work->count; i++) {
        if (!starts_connector(work, i))
            continue;
        write_string(out, work->items[i].connector);
        write_tasks(out, work, i);
    }
}

void
group_write_assignment(struct cv_buf *out, int16_t version,
                       const struct group_assignment *assignment)
{
    cv_buf_be16(out, (uint16_t)version);
    cv_buf_be16(out, (uint16_t)assignment->error);
    write_string(out, assignment->leader);
    write_string(out, assignment->leader_url);
    cv_buf_be64(out, (uint64_t)assignment->config_offset);
    write_work(out, &assignment->assigned);
    if (version == 0)
        return;
    write_work(out, &assignment->revoked);
    cv_buf_be32(out, (uint32_t)assignment->delay_ms);
}

void
group_write_metadata(struct cv_buf *out, int16_t version, const struct group_metadata *metadata)
{
    struct cv_buf allocation = CV_BUF_INIT(ASSIGNMENT_MAX);

    cv_buf_be16(out, (uint16_t)version);
    write_string(out, metadata->url);
    cv_buf_be64(out, (uint64_t)metadata->config_offset);
    if (version == 0)
        return;
    if (!metadata->has_allocation) {
        cv_buf_be32(out, (uint32_t)-1);
        return;
    }
    group_write_assignment(&allocation, version, &metadata->allocation);
    if (allocation.failed != CV_OK && out->failed == CV_OK)
        out->failed = allocation.failed;
    cv_buf_be32(out, (uint32_t)allocation.len);
    cv_buf_add(out, allocation.data, allocation.len);
    cv_buf_free(&allocation);
}

/* A copy of a STRING; NULL after a failure, which is in the reader or in err. */
static char *
read_string(struct cv_reader *in, const char *what, struct cv_err *err)
{
    int16_t len = cv_read_i16(in);
    const unsigned char *bytes;
    char *copy;

    if (len < 0 && !in->failed) {
        cv_fail(err, CV_INVALID, "%s in the group protocol has length %d", what, len);
        return NULL;
    }
    bytes = cv_read_bytes(in, len < 0 ? 0 : (size_t)len);
    if (in->failed) {
        cv_fail(err, CV_INVALID, "%s in the group protocol is cut short", what);
        return NULL;
    }
    if (len > 0 && memchr(bytes, '\0', (size_t)len) != NULL) {
        cv_fail(err, CV_INVALID, "%s in the group protocol contains a zero byte", what);
        return NULL;
    }
    copy = strndup(len == 0 ? "" : (const char *)bytes, (size_t)len);
    if (copy == NULL)
        cv_fail_memory(err);
    return copy;
}

/* The count of an array whose elements take at least min_bytes; -1 when null. */
static enum cv_rc
read_count(struct cv_reader *in, size_t min_bytes, int32_t *ret, struct cv_err *err)
{
    int32_t count = cv_read_i32(in);

    if (in->failed)
        return cv_fail(err, CV_INVALID, "an array in the group protocol is cut short");
    if (count < -1 || (count > 0 && (size_t)count > cv_reader_left(in) / min_bytes))
        return cv_fail(err, CV_INVALID,
                       "an array in the group protocol claims %ld elements in %zu bytes",
                       (long)count, cv_reader_left(in));
    *ret = count;
    return CV_OK;
}

static enum cv_rc
read_connector(struct cv_reader *in, struct group_work *work, size_t *inout_bytes,
               struct cv_err *err)
{
    enum cv_rc rc;
    int32_t count, i;
    char *connector = read_string(in, "a connector name", err);

    if (connector == NULL)
        return err->rc;
    rc = read_count(in, sizeof(int32_t), &count, err);
    for (i = 0; rc == CV_OK && i < count; i++) {
        int32_t task = cv_read_i32(in);

        *inout_bytes += sizeof(struct group_unit) + strlen(connector) + 1;
        if (task < GROUP_CONNECTOR)
            rc = cv_fail(err, CV_INVALID, "connector \"%s\" in the group protocol has task %ld",
                         connector, (long)task);
        else if (*inout_bytes > WORK_BYTES_MAX || work->count == WORK_UNITS_MAX)
            rc = cv_fail(err, CV_INVALID,
                         "an assignment in the group protocol has more than %d units, or takes "
                         "more than %zu bytes",
                         WORK_UNITS_MAX, WORK_BYTES_MAX);
        else if (!group_work_append(work, connector, task))
            rc = cv_fail_memory(err);
    }
    free(connector);
    return rc;
}

static enum cv_rc
read_work(struct cv_reader *in, struct group_work *work, struct cv_err *err)
{
    enum cv_rc rc;
    size_t bytes = 0;
    int32_t count, i;

    rc = read_count(in, sizeof(int16_t) + sizeof(int32_t), &count, err);
    for (i = 0; rc == CV_OK && i < count; i++)
        rc = read_connector(in, work, &bytes, err);
    if (rc == CV_OK && !work_unique(work))
        rc = cv_fail_memory(err);
    return rc;
}

static enum cv_rc
read_version(struct cv_reader *in, const char *what, struct cv_err *err)
{
    int16_t version = cv_read_i16(in);

    if (in->failed)
        return cv_fail(err, CV_INVALID, "%s in the group protocol is empty", what);
    if (version < 0)
        return cv_fail(err, CV_INVALID, "%s in the group protocol has version %d", what, version);
    return CV_OK;
}

static enum cv_rc
read_assignment(struct cv_reader *in, struct group_assignment *ret, struct cv_err *err)
{
    enum cv_rc rc = read_version(in, "an assignment", err);

    if (rc != CV_OK)
        return rc;
    ret->error = cv_read_i16(in);
    ret->leader = read_string(in, "the leader", err);
    if (ret->leader == NULL)
        return err->rc;
    ret->leader_url = read_string(in, "the leader's URL", err);
    if (ret->leader_url == NULL)
        return err->rc;
    ret->config_offset = cv_read_i64(in);
    if (in->failed)
        return cv_fail(err, CV_INVALID, "an assignment in the group protocol is cut short");
    if (cv_reader_left(in) > 0)
        rc = read_work(in, &ret->assigned, err);
    if (rc == CV_OK && cv_reader_left(in) > 0)
        rc = read_work(in, &ret->revoked, err);
    if (rc == CV_OK && cv_reader_left(in) > 0)
        ret->delay_ms = cv_read_i32(in);
    if (rc == CV_OK)
        rc = cv_reader_check(in, "an assignment in the group protocol", err);
    return rc;
}

enum cv_rc
group_read_assignment(const void *data, size_t len, struct group_assignment *ret,
                      struct cv_err *err)
{
    struct cv_reader in = cv_reader_of(data, len);
    struct group_assignment assignment = { 0 };
    enum cv_rc rc = read_assignment(&in, &assignment, err);

    if (rc == CV_OK)
        *ret = assignment;
    else
        group_assignment_done(&assignment);
    return rc;
}

static enum cv_rc
read_allocation(struct cv_reader *in, struct group_metadata *ret, struct cv_err *err)
{
    int32_t len = cv_read_i32(in);
    const unsigned char *bytes;

    if (len == -1 && !in->failed)
        return CV_OK;
    bytes = len < 0 ? NULL : cv_read_bytes(in, (size_t)len);
    if (bytes == NULL)
        return cv_fail(err, CV_INVALID, "the allocation of a member claims %ld bytes", (long)len);
    ret->has_allocation = true;
    return group_read_assignment(bytes, (size_t)len, &ret->allocation, err);
}

static enum cv_rc
read_metadata(struct cv_reader *in, struct group_metadata *ret, struct cv_err *err)
{
    enum cv_rc rc = read_version(in, "the metadata of a member", err);

    if (rc != CV_OK)
        return rc;
    ret->url = read_string(in, "the URL of a member", err);
    if (ret->url == NULL)
        return err->rc;
    ret->config_offset = cv_read_i64(in);
    rc = cv_reader_check(in, "the metadata of a member", err);
    if (rc == CV_OK && cv_reader_left(in) > 0)
        rc = read_allocation(in, ret, err);
    return rc;
}

enum cv_rc
group_read_metadata(const void *data, size_t len, struct group_metadata *ret, struct cv_err *err)
{
    struct cv_reader in = cv_reader_of(data, len);
    struct group_metadata metadata = { 0 };
    enum cv_rc rc = read_metadata(&in, &metadata, err);

    if (rc == CV_OK)
        *ret = metadata;
    else
        group_metadata_done(&metadata);
    return rc;
}
