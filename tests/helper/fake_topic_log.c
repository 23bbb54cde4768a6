/* SPDX-License-Identifier: Apache-2.0 */
/* Topics in memory; see fake_topic_log.h. Memory is assumed not to run out: it is for tests. */
#include <config.h>

#include "tests/helper/fake_topic_log.h"

#include "tests/helper/cmocka_all.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARTITIONS_MAX 64

struct cv_topic_log {
    char name[128];
    struct fake_record *records;
    size_t count;
    int64_t next_offset[PARTITIONS_MAX];
    cv_topic_log_handler *handler;
    void *arg;
    enum cv_rc fail;
};

static struct cv_topic_log topics[8];
static size_t n_topics;

static struct cv_topic_log *
find(const char *name)
{
    for (size_t i = 0; i < n_topics; i++)
        if (strcmp(topics[i].name, name) == 0)
            return &topics[i];
    assert_true(n_topics < CV_COUNT(topics));
    topics[n_topics] = (struct cv_topic_log){ 0 };
    snprintf(topics[n_topics].name, sizeof(topics[n_topics].name), "%s", name);
    return &topics[n_topics++];
}

static void
hand_over(const struct cv_topic_log *log, const struct fake_record *rec)
{
    const struct cv_consumed consumed = {
        .topic = log->name,
        .partition = rec->partition,
        .offset = rec->offset,
        .timestamp_ms = CV_NO_TIMESTAMP,
        .key = { rec->key, rec->key != NULL ? strlen(rec->key) : 0 },
        .value = { rec->value, rec->value != NULL ? strlen(rec->value) : 0 },
    };

    log->handler(log->arg, &consumed);
}

static void
append(struct cv_topic_log *log, struct fake_record rec)
{
    log->records = realloc(log->records, (log->count + 1) * sizeof(*log->records));
    log->records[log->count] = rec;
    if (log->handler != NULL)
        hand_over(log, &log->records[log->count]);
    log->count++;
}

static char *
copy(const char *data, size_t len)
{
    return data != NULL ? strndup(data, len) : NULL;
}

void
fake_log_put(const char *topic, int32_t partition, const char *key, const char *value)
{
    struct cv_topic_log *log = find(topic);

    append(log, (struct fake_record){ .key = key != NULL ? strdup(key) : NULL,
                                      .value = value != NULL ? strdup(value) : NULL,
                                      .partition = partition,
                                      .offset = log->next_offset[partition]++ });
}

static struct fake_record
parse_line(const char *line)
{
    struct json_object *obj = json_tokener_parse(line), *value = NULL, *at = NULL;
    struct fake_record rec = { 0 };

    assert_non_null(obj);
    assert_true(json_object_object_get_ex(obj, "key", &at));
    rec.key = strdup(json_object_get_string(at));
    assert_true(json_object_object_get_ex(obj, "value", &value));
    if (value != NULL)
        rec.value = strdup(json_object_get_string(value));
    assert_true(json_object_object_get_ex(obj, "partition", &at));
    rec.partition = json_object_get_int(at);
    assert_true(json_object_object_get_ex(obj, "offset", &at));
    rec.offset = json_object_get_int64(at);
    assert_true(json_object_object_get_ex(obj, "cause", &at));
    rec.cause = json_object_get_int(at);
    json_object_put(obj);
    return rec;
}

struct fake_record *
fake_records_read(const char *file, size_t *ret_count)
{
    struct fake_record *records = NULL;
    char path[512], *line = NULL;
    size_t count = 0, cap = 0;
    FILE *in;

    snprintf(path, sizeof(path), "%s/topics/%s", TEST_DATA, file);
    in = fopen(path, "r");
    assert_non_null(in);
    while (getline(&line, &cap, in) > 0) {
        records = realloc(records, (count + 1) * sizeof(*records));
        records[count++] = parse_line(line);
    }
    free(line);
    fclose(in);
    *ret_count = count;
    return records;
}

void
fake_records_free(struct fake_record *records, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(records[i].key);
        free(records[i].value);
    }
    free(records);
}

void
fake_log_load(const char *topic, const char *file, int first, int last)
{
    struct cv_topic_log *log = find(topic);
    size_t count, loaded = 0;
    struct fake_record *records = fake_records_read(file, &count);

    for (size_t i = 0; i < count; i++) {
        if (records[i].cause < first || records[i].cause > last)
            continue;
        log->next_offset[records[i].partition] = records[i].offset + 1;
        append(log, records[i]);
        records[i] = (struct fake_record){ 0 };
        loaded++;
    }
    assert_true(loaded > 0);
    fake_records_free(records, count);
}

size_t
fake_log_count(const char *topic)
{
    return find(topic)->count;
}

const struct fake_record *
fake_log_at(const char *topic, size_t i)
{
    assert_true(i < find(topic)->count);
    return &find(topic)->records[i];
}

const struct fake_record *
fake_log_last(const char *topic)
{
    return fake_log_at(topic, fake_log_count(topic) - 1);
}

void
fake_log_fail(const char *topic, enum cv_rc rc)
{
    find(topic)->fail = rc;
}

void
fake_log_reset(void)
{
    for (size_t i = 0; i < n_topics; i++)
        fake_records_free(topics[i].records, topics[i].count);
    n_topics = 0;
}

/* ---- what topic_log.c offers ---- */

enum cv_rc
cv_topic_log_start(const struct cv_topic_log_spec *spec, const atomic_bool *stop, struct cv_topic_log **ret,
                   struct cv_err *err)
{
    struct cv_topic_log *log = find(spec->topic.name);

    (void)stop;
    if (log->fail != CV_OK)
        return cv_fail(err, log->fail, "topic \"%s\" fails on demand", log->name);
    log->handler = spec->handler;
    log->arg = spec->arg;
    for (size_t i = 0; i < log->count; i++)
        hand_over(log, &log->records[i]);
    *ret = log;
    return CV_OK;
}

void
cv_topic_log_free(struct cv_topic_log *log, int wait_ms)
{
    (void)wait_ms;
    if (log != NULL)
        log->handler = NULL;
}

enum cv_rc
cv_topic_log_read_to_end(struct cv_topic_log *log, int timeout_ms, struct cv_err *err)
{
    (void)timeout_ms;
    return log->fail == CV_OK ? CV_OK : cv_fail(err, log->fail, "topic \"%s\" fails on demand", log->name);
}

enum cv_rc
cv_topic_log_write(struct cv_topic_log *log, struct cv_bytes key, struct cv_bytes value, int timeout_ms,
                   struct cv_err *err)
{
    (void)timeout_ms;
    if (log->fail != CV_OK)
        return cv_fail(err, log->fail, "topic \"%s\" fails on demand", log->name);
    append(log, (struct fake_record){ .key = copy(key.data, key.len),
                                      .value = copy(value.data, value.len),
                                      .offset = log->next_offset[0]++ });
    return CV_OK;
}

enum cv_rc
cv_topic_log_send(struct cv_topic_log *log, struct cv_bytes key, struct cv_bytes value, cv_topic_log_sent *sent,
                  void *arg, struct cv_err *err)
{
    if (cv_topic_log_write(log, key, value, 0, err) != CV_OK)
        return err->rc;
    if (sent != NULL)
        sent(arg, NULL);
    return CV_OK;
}

enum cv_rc
cv_topic_log_check(struct cv_topic_log *log, struct cv_err *err)
{
    (void)log;
    (void)err;
    return CV_OK;
}

bool
cv_topic_log_was_created(const struct cv_topic_log *log)
{
    (void)log;
    return false;
}

const char *
cv_topic_log_topic(const struct cv_topic_log *log)
{
    return log->name;
}
