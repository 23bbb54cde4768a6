/* SPDX-License-Identifier: Apache-2.0 */
/* data/record.c: batches, headers and source offsets. */
#include <culvert/record.h>

#include "tests/helper/cmocka_all.h"

#include "common/arena.h"

static int
batch_up(void **state)
{
    static struct cv_batch batch;

    batch = (struct cv_batch){ .arena = cv_arena_new(NULL) };
    *state = &batch;
    return batch.arena != NULL ? 0 : -1;
}

static int
batch_down(void **state)
{
    struct cv_batch *batch = *state;

    cv_arena_free(batch->arena);
    return 0;
}

static void
appended_records_keep_order_and_start_empty(void **state)
{
    struct cv_batch *batch = *state;

    for (int i = 0; i < 100; i++) {
        struct cv_record *rec = cv_batch_add_record(batch);

        assert_non_null(rec);
        assert_null(rec->topic);
        assert_int_equal(rec->partition, CV_NO_PARTITION);
        assert_int_equal(rec->timestamp_ms, CV_NO_TIMESTAMP);
        assert_true(rec->key.is_null && rec->value.is_null);
        assert_null(rec->value.schema);
        assert_int_equal(rec->headers.count, 0);
        rec->offset = i;
    }
    assert_int_equal(batch->n_records, 100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(batch->records[i].offset, i);
}

static void
appended_messages_keep_order_and_start_empty(void **state)
{
    struct cv_batch *batch = *state;

    for (int i = 0; i < 50; i++) {
        struct cv_message *msg = cv_batch_add_message(batch);

        assert_non_null(msg);
        assert_null(msg->key.data);
        assert_null(msg->value.data);
        assert_int_equal(msg->partition, CV_NO_PARTITION);
        assert_int_equal(msg->timestamp_ms, CV_NO_TIMESTAMP);
        msg->partition = i;
    }
    assert_int_equal(batch->n_messages, 50);
    assert_int_equal(batch->messages[31].partition, 31);
}

static struct cv_value *
single(struct cv_batch *batch, const char *key, struct cv_value val)
{
    struct cv_value *map = cv_map_new(batch->arena, 1);
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(cv_map_put(batch->arena, map, key, val, &err), CV_OK);
    return map;
}

static void
later_offset_of_an_equal_partition_replaces(void **state)
{
    struct cv_batch *batch = *state;
    struct cv_err err = CV_ERR_INIT;
    struct cv_value *last = single(batch, "position", cv_int(CV_INT64, 9));

    for (int i = 0; i < 5; i++)
        assert_int_equal(cv_batch_set_offset(batch, single(batch, "file", cv_cstring("a")),
                                             single(batch, "position", cv_int(CV_INT64, i)), &err),
                         CV_OK);
    assert_int_equal(cv_batch_set_offset(batch, single(batch, "file", cv_cstring("b")),
                                         single(batch, "position", cv_int(CV_INT64, 77)), &err),
                     CV_OK);
    assert_int_equal(cv_batch_set_offset(batch, single(batch, "file", cv_cstring("a")), last, &err),
                     CV_OK);
    assert_int_equal(batch->n_offsets, 2);
    assert_ptr_equal(batch->offsets[0].offset, last);
    assert_int_equal(cv_map_get(batch->offsets[1].offset, "position")->integer, 77);
}

static void
headers_may_repeat_and_keep_order(void **state)
{
    struct cv_batch *batch = *state;
    struct cv_headers headers = { .items = NULL };
    struct cv_err err = CV_ERR_INIT;

    for (int i = 0; i < 9; i++)
        assert_int_equal(
            cv_header_add(batch->arena, &headers, i % 2 ? "b" : "a", cv_int(CV_INT32, i), &err), CV_OK);
    assert_int_equal(headers.count, 9);
    assert_string_equal(headers.items[3].name, "b");
    assert_int_equal(headers.items[8].value.integer, 8);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(appended_records_keep_order_and_start_empty, batch_up, batch_down),
        cmocka_unit_test_setup_teardown(appended_messages_keep_order_and_start_empty, batch_up, batch_down),
        cmocka_unit_test_setup_teardown(later_offset_of_an_equal_partition_replaces, batch_up, batch_down),
        cmocka_unit_test_setup_teardown(headers_may_repeat_and_keep_order, batch_up, batch_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
