/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "tests/helper/recorded_topic.h"

#include "tests/helper/cmocka_all.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fake_record
parse_line(const char *line)
{
    struct json_object *obj = json_tokener_parse(line), *value = NULL, *at = NULL;
    struct fake_record rec = { 0 };

    assert_non_null(obj);
    assert_true(json_object_object_get_ex(obj, "key", &at));
    rec.key = strdup(json_object_get_string(at));
    rec.key_len = strlen(rec.key);
    assert_true(json_object_object_get_ex(obj, "value", &value));
    if (value != NULL) {
        rec.value = strdup(json_object_get_string(value));
        rec.value_len = strlen(rec.value);
    }
    assert_true(json_object_object_get_ex(obj, "partition", &at));
    rec.partition = json_object_get_int(at);
    assert_true(json_object_object_get_ex(obj, "offset", &at));
    rec.offset = json_object_get_int64(at);
    assert_true(json_object_object_get_ex(obj, "timestamp", &at));
    rec.timestamp_ms = json_object_get_int64(at);
    assert_true(json_object_object_get_ex(obj, "cause", &at));
    rec.cause = json_object_get_int(at);
    json_object_put(obj);
    return rec;
}

struct fake_record *
recorded_topic_read(const char *file, size_t *ret_count)
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
recorded_topic_load(const char *topic, const char *file, int first, int last)
{
    size_t count, loaded = 0;
    struct fake_record *records = recorded_topic_read(file, &count);

    for (size_t i = 0; i < count; i++) {
        if (records[i].cause < first || records[i].cause > last)
            continue;
        fake_log_time(topic, records[i].timestamp_ms);
        fake_log_put_at(topic, records[i].partition, records[i].offset, records[i].key, records[i].value);
        loaded++;
    }
    assert_true(loaded > 0);
    fake_records_free(records, count);
}
