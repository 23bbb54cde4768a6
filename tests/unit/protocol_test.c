/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "worker/group/protocol.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/helper/failing_alloc.h"
#include "tests/helper/recording.h"

#include "tests/helper/cmocka_all.h"

static struct recording recordings[2];

static int
load(void **state)
{
    (void)state;
    recording_load(&recordings[0], "group");
    recording_load(&recordings[1], "group/flexible");
    return 0;
}

static int
unload(void **state)
{
    (void)state;
    for (size_t i = 0; i < CV_COUNT(recordings); i++)
        recording_done(&recordings[i]);
    return 0;
}

static void
check_bytes(const char *hex, const struct cv_buf *out)
{
    struct cv_buf text = CV_BUF_INIT(1 << 20);
    struct cv_err err;

    assert_int_equal(CV_OK, cv_buf_check(out, &err));
    cv_buf_hex(&text, out->data, out->len);
    assert_string_equal(hex, cv_buf_cstr(&text));
    cv_buf_free(&text);
}

/* An array of {"connector": ..., "tasks": [...]} against a set. */
static void
check_work(struct json_object *expected, const struct group_work *work)
{
    size_t i, j, n = 0;

    for (i = 0; expected != NULL && i < json_object_array_length(expected); i++) {
        struct json_object *element = json_object_array_get_idx(expected, i);
        struct json_object *tasks = field_get(element, "tasks");

        for (j = 0; j < json_object_array_length(tasks); j++, n++) {
            assert_true(n < work->count);
            assert_string_equal(field_str(element, "connector"), work->items[n].connector);
            assert_int_equal(json_object_get_int(json_object_array_get_idx(tasks, j)),
                             work->items[n].task);
        }
    }
    assert_int_equal(n, work->count);
}

static void
check_assignment(struct json_object *expected, const struct group_assignment *got)
{
    struct json_object *revoked = NULL, *delay = NULL;

    assert_int_equal(field_int(expected, "error"), got->error);
    assert_string_equal(field_str(expected, "leader"), got->leader);
    assert_string_equal(field_str(expected, "leader_url"), got->leader_url);
    assert_int_equal(field_int(expected, "config_offset"), got->config_offset);
    check_work(field_get(expected, "assigned"), &got->assigned);
    json_object_object_get_ex(expected, "revoked", &revoked);
    check_work(revoked, &got->revoked);
    if (json_object_object_get_ex(expected, "delay_ms", &delay))
        assert_int_equal(json_object_get_int(delay), got->delay_ms);
    else
        assert_int_equal(0, got->delay_ms);
}

/* Read, compare with what the recorder decoded, write again, compare the bytes. */
static void
check_recorded_assignment(const char *hex, struct json_object *expected)
{
    struct cv_buf out = CV_BUF_INIT(1 << 20);
    struct group_assignment got = { 0 };
    struct cv_err err;
    size_t len;
    unsigned char *bytes = hex_bytes(hex, &len);

    if (group_read_assignment(bytes, len, &got, &err) != CV_OK)
        fail_msg("%s", err.text);
    check_assignment(expected, &got);
    group_write_assignment(&out, (int16_t)field_int(expected, "version"), &got);
    check_bytes(hex, &out);
    group_assignment_done(&got);
    cv_buf_free(&out);
    free(bytes);
}

static void
check_recorded_metadata(const char *hex, struct json_object *expected)
{
    struct cv_buf out = CV_BUF_INIT(1 << 20);
    struct json_object *allocation = NULL;
    struct group_metadata got = { 0 };
    struct cv_err err;
    size_t len;
    unsigned char *bytes = hex_bytes(hex, &len);

    if (group_read_metadata(bytes, len, &got, &err) != CV_OK)
        fail_msg("%s", err.text);
    assert_string_equal(field_str(expected, "url"), got.url);
    assert_int_equal(field_int(expected, "config_offset"), got.config_offset);
    json_object_object_get_ex(expected, "allocation", &allocation);
    assert_int_equal(allocation != NULL, got.has_allocation);
    if (allocation != NULL)
        check_assignment(allocation, &got.allocation);
    group_write_metadata(&out, (int16_t)field_int(expected, "version"), &got);
    check_bytes(hex, &out);
    group_metadata_done(&got);
    cv_buf_free(&out);
    free(bytes);
}

/* How many payloads of a recording's JoinGroup frames were read and written. */
static size_t
check_joins(const struct recording *recording)
{
    size_t i, j, seen = 0;

    for (i = 0; i < recording->count; i++) {
        struct recorded_frame *frame = &recording->frames[i];
        struct json_object *list = NULL;

        if (strcmp(frame->api, "JoinGroup") != 0)
            continue;
        list = field_get(frame->decoded, frame->request ? "protocols" : "members");
        for (j = 0; j < json_object_array_length(list); j++, seen++) {
            struct json_object *item = json_object_array_get_idx(list, j);

            check_recorded_metadata(field_str(item, "metadata_hex"), field_get(item, "metadata"));
        }
    }
    return seen;
}

static size_t
check_syncs(const struct recording *recording)
{
    size_t i, j, seen = 0;

    for (i = 0; i < recording->count; i++) {
        struct recorded_frame *frame = &recording->frames[i];
        struct json_object *list;

        if (strcmp(frame->api, "SyncGroup") != 0)
            continue;
        if (!frame->request) {
            if (field_int(frame->decoded, "error") != 0)
                continue;
            check_recorded_assignment(field_str(frame->decoded, "assignment_hex"),
                                      field_get(frame->decoded, "assignment"));
            seen++;
            continue;
        }
        list = field_get(frame->decoded, "assignments");
        for (j = 0; j < json_object_array_length(list); j++, seen++) {
            struct json_object *item = json_object_array_get_idx(list, j);

            check_recorded_assignment(field_str(item, "assignment_hex"),
                                      field_get(item, "assignment"));
        }
    }
    return seen;
}

static void
recorded_metadata_reads_and_writes_the_same_bytes(void **state)
{
    (void)state;
    assert_true(check_joins(&recordings[0]) > 100);
    assert_true(check_joins(&recordings[1]) > 10);
}

static void
recorded_assignments_read_and_write_the_same_bytes(void **state)
{
    (void)state;
    assert_true(check_syncs(&recordings[0]) > 50);
    assert_true(check_syncs(&recordings[1]) > 5);
}

static void
metadata_that_owns_work_has_the_documented_bytes(void **state)
{
    struct group_metadata metadata = { .url = (char *)"http://w1:8083/", .config_offset = 42 };
    struct cv_buf out = CV_BUF_INIT(4096);

    (void)state;
    group_write_metadata(&out, 0, &metadata);
    check_bytes("0000000f687474703a2f2f77313a383038332f000000000000002a", &out);
    cv_buf_reset(&out);
    group_write_metadata(&out, 2, &metadata);
    check_bytes("0002000f687474703a2f2f77313a383038332f000000000000002affffffff", &out);
    cv_buf_reset(&out);
    metadata.has_allocation = true;
    metadata.allocation.leader = (char *)"m-1";
    metadata.allocation.leader_url = metadata.url;
    metadata.allocation.config_offset = 42;
    /* The connector itself comes first on the wire wherever it stands in the set. */
    assert_true(group_work_add(&metadata.allocation.assigned, "foo", 0));
    assert_true(group_work_add(&metadata.allocation.assigned, "foo", GROUP_CONNECTOR));
    assert_true(group_work_add(&metadata.allocation.assigned, "foo", 1));
    group_write_metadata(&out, 2, &metadata);
    check_bytes("0002000f687474703a2f2f77313a383038332f000000000000002a00000043"
                "0002000000036d2d31000f687474703a2f2f77313a383038332f000000000000002a"
                "000000010003666f6f00000003ffffffff00000000000000010000000000000000",
                &out);
    group_work_done(&metadata.allocation.assigned);
    cv_buf_free(&out);
}

static void
version_0_assignment_ends_with_the_work(void **state)
{
    struct group_assignment assignment = { .leader = (char *)"m-1",
                                           .leader_url = (char *)"http://w1:8083/",
                                           .config_offset = 42,
                                           .delay_ms = 9 };
    struct cv_buf out = CV_BUF_INIT(4096);

    (void)state;
    assert_true(group_work_add(&assignment.assigned, "foo", GROUP_CONNECTOR));
    assert_true(group_work_add(&assignment.assigned, "foo", 0));
    group_write_assignment(&out, 0, &assignment);
    check_bytes("0000000000036d2d31000f687474703a2f2f77313a383038332f000000000000002a"
                "000000010003666f6f00000002ffffffff00000000",
                &out);
    group_work_done(&assignment.assigned);
    cv_buf_free(&out);
}

/* Everything before the arrays is needed; of the rest any field may be missing, but none may be
 * cut. */
static void
assignment_may_end_only_between_trailing_fields(void **state)
{
    static const char hex[] =
        "0002000000036d2d31000275317fffffffffffffff"
        "00000001000161000000010000000700000001000162000000010000000800000005";
    size_t len, cut;
    unsigned char *bytes = hex_bytes(hex, &len);

    (void)state;
    for (cut = 0; cut <= len; cut++) {
        bool allowed = cut == 21 || cut == 36 || cut == 51 || cut == 55;
        struct group_assignment got = { .delay_ms = -77 };
        struct cv_err err = CV_ERR_INIT;
        enum cv_rc rc;
        unsigned char *exact =
            malloc(cut + (cut == 0)); /* so that sanitizers see a read past the end */

        assert_non_null(exact);
        memcpy(exact, bytes, cut);
        rc = group_read_assignment(exact, cut, &got, &err);
        if (allowed) {
            assert_int_equal(CV_OK, rc);
            assert_int_equal(cut >= 36, got.assigned.count);
            assert_int_equal(cut >= 51, got.revoked.count);
            assert_int_equal(cut == 55 ? 5 : 0, got.delay_ms);
            group_assignment_done(&got);
        } else {
            assert_int_equal(CV_INVALID, rc);
            assert_true(err.text[0] != '\0');
            assert_int_equal(-77, got.delay_ms);
            assert_null(got.leader);
        }
        free(exact);
    }
    free(bytes);
}

static void
bytes_after_the_last_field_are_not_looked_at(void **state)
{
    static const char hex[] = "00030000000000000000000000000000"
                              "000000000000000000000009ffffffffff";
    struct group_assignment got = { 0 };
    struct cv_err err;
    size_t len;
    unsigned char *bytes = hex_bytes(hex, &len);

    (void)state;
    assert_int_equal(CV_OK, group_read_assignment(bytes, len, &got, &err));
    assert_int_equal(9, got.delay_ms);
    assert_int_equal(0, got.assigned.count);
    group_assignment_done(&got);
    free(bytes);
}

static void
repeated_units_are_read_once_in_their_first_place(void **state)
{
    static const char hex[] = "00020000000000000000000000000000"
                              "00000002"
                              "0001620000000300000002ffffffff00000002"
                              "0001610000000200000001"
                              "00000001";
    struct group_assignment got = { 0 };
    struct cv_err err;
    size_t len;
    unsigned char *bytes = hex_bytes(hex, &len);

    (void)state;
    assert_int_equal(CV_OK, group_read_assignment(bytes, len, &got, &err));
    assert_int_equal(3, got.assigned.count);
    assert_string_equal("b", got.assigned.items[0].connector);
    assert_int_equal(2, got.assigned.items[0].task);
    assert_int_equal(GROUP_CONNECTOR, got.assigned.items[1].task);
    assert_string_equal("a", got.assigned.items[2].connector);
    group_assignment_done(&got);
    free(bytes);
}

static void
check_refused(const char *hex, const char *text)
{
    struct group_metadata metadata = { .config_offset = -77 };
    struct cv_err err = CV_ERR_INIT;
    size_t len;
    unsigned char *bytes = hex_bytes(hex, &len);

    assert_int_equal(CV_INVALID, group_read_metadata(bytes, len, &metadata, &err));
    if (strstr(err.text, text) == NULL)
        fail_msg("\"%s\" does not contain \"%s\"", err.text, text);
    assert_int_equal(-77, metadata.config_offset);
    assert_null(metadata.url);
    free(bytes);
}

/* version, error, leader, its URL, offset */
#define NO_ASSIGNMENT "00020000000000000000000000000000"

static void
hostile_metadata_is_refused_with_what_is_wrong(void **state)
{
    (void)state;
    check_refused("", "is empty");
    check_refused("ffff0000", "version -1");
    check_refused("0002ffff", "length -1");
    check_refused("000200036161", "cut short");
    check_refused("0002000261000000000000000000", "zero byte");
    check_refused("00020001610000000000", "malformed");
    check_refused("00020001610000000000000000fffffffe", "claims -2 bytes");
    check_refused("00020001610000000000000000000000ff", "claims 255 bytes");
    check_refused("0002000161000000000000000000000000", "is empty");
    /* an allocation of 2^31-1 connectors; of -2; a connector of 2^30 tasks; task -2 */
    check_refused("00020001610000000000000000"
                  "00000014" NO_ASSIGNMENT "7fffffff",
                  "claims");
    check_refused("00020001610000000000000000"
                  "00000014" NO_ASSIGNMENT "fffffffe",
                  "claims");
    check_refused("00020001610000000000000000"
                  "0000001b" NO_ASSIGNMENT "0000000100016140000000",
                  "claims");
    check_refused("00020001610000000000000000"
                  "0000001f" NO_ASSIGNMENT "0000000100016100000001fffffffe",
                  "task -2");
}

static void
a_set_that_unfolds_to_too_much_memory_is_refused(void **state)
{
    struct cv_buf out = CV_BUF_INIT(1 << 20);
    struct group_assignment got = { .delay_ms = -77 };
    struct cv_err err = CV_ERR_INIT;
    char name[30001];
    int i;

    (void)state;
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    cv_buf_add(&out, "\0\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 20);
    cv_buf_be16(&out, sizeof(name) - 1);
    cv_buf_str(&out, name);
    cv_buf_be32(&out, 3000);
    for (i = 0; i < 3000; i++)
        cv_buf_be32(&out, (uint32_t)i);
    assert_int_equal(CV_INVALID, group_read_assignment(out.data, out.len, &got, &err));
    assert_non_null(strstr(err.text, "takes more than 67108864 bytes"));
    assert_int_equal(-77, got.delay_ms);
    cv_buf_free(&out);
}

static void
a_set_of_too_many_units_is_refused(void **state)
{
    struct cv_buf out = CV_BUF_INIT(1 << 20);
    struct group_assignment got = { .delay_ms = -77 };
    struct cv_err err = CV_ERR_INIT;
    int i, tasks;

    (void)state;
    for (tasks = 50000; tasks <= 50001; tasks++) {
        cv_buf_reset(&out);
        cv_buf_add(&out, "\0\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\1a", 23);
        cv_buf_be32(&out, (uint32_t)tasks);
        for (i = 0; i < tasks; i++)
            cv_buf_be32(&out, (uint32_t)i);
        if (tasks == 50000) {
            assert_int_equal(CV_OK, group_read_assignment(out.data, out.len, &got, &err));
            assert_int_equal(50000, got.assigned.count);
            group_assignment_done(&got);
        } else {
            assert_int_equal(CV_INVALID, group_read_assignment(out.data, out.len, &got, &err));
            assert_non_null(strstr(err.text, "more than 50000 units"));
        }
    }
    cv_buf_free(&out);
}

static void
a_set_keeps_order_and_holds_a_unit_once(void **state)
{
    struct group_work work = { 0 }, copy = { 0 };

    (void)state;
    assert_true(group_work_add(&work, "b", 1));
    assert_true(group_work_add(&work, "a", GROUP_CONNECTOR));
    assert_true(group_work_add(&work, "b", 1));
    assert_int_equal(2, work.count);
    assert_true(group_work_has(&work, "b", 1));
    assert_false(group_work_has(&work, "b", GROUP_CONNECTOR));
    assert_true(group_work_copy(&copy, &work));
    group_work_remove(&work, "b", 1);
    group_work_remove(&work, "c", 1);
    assert_int_equal(1, work.count);
    assert_string_equal("a", work.items[0].connector);
    assert_int_equal(2, copy.count);
    assert_string_equal("b", copy.items[0].connector);
    group_work_done(&work);
    group_work_done(&copy);
    assert_int_equal(0, work.count);
}

static void
a_name_that_does_not_fit_fails_the_buffer(void **state)
{
    struct cv_buf out = CV_BUF_INIT(1 << 20);
    struct group_metadata metadata = { .config_offset = 1 };
    struct cv_err err;
    char *url = malloc(40000);

    (void)state;
    assert_non_null(url);
    memset(url, 'x', 39999);
    url[39999] = '\0';
    metadata.url = url;
    group_write_metadata(&out, 2, &metadata);
    assert_int_not_equal(CV_OK, cv_buf_check(&out, &err));
    cv_buf_free(&out);
    free(url);
}

/* Reading leaves nothing behind and touches nothing, whichever allocation fails; so does writing.
 */
static void
every_failed_allocation_is_reported(void **state)
{
    struct group_metadata written = { .url = (char *)"u1",
                                      .has_allocation = true,
                                      .allocation = { .leader = (char *)"m",
                                                      .leader_url = (char *)"u1" } };
    struct cv_buf bytes = CV_BUF_INIT(4096);
    struct group_metadata good = { 0 };
    struct cv_err err;
    long n;

    (void)state;
    assert_true(group_work_add(&written.allocation.assigned, "a", GROUP_CONNECTOR));
    assert_true(group_work_add(&written.allocation.assigned, "a", 0));
    assert_true(group_work_add(&written.allocation.assigned, "b", 0));
    group_write_metadata(&bytes, 2, &written);
    group_work_done(&written.allocation.assigned);
    if (group_read_metadata(bytes.data, bytes.len, &good, &err) != CV_OK)
        fail_msg("%s", err.text);
    assert_int_equal(3, good.allocation.assigned.count);
    for (n = 1;; n++) {
        struct group_metadata got = { .config_offset = -77 };
        struct group_work copy = { 0 };
        struct cv_buf out = CV_BUF_INIT(4096);
        bool copied, failed;
        enum cv_rc rc;

        failing_alloc_at(n);
        rc = group_read_metadata(bytes.data, bytes.len, &got, &err);
        copied = rc == CV_OK && group_work_copy(&copy, &good.allocation.assigned);
        if (copied)
            group_write_metadata(&out, 2, &good);
        failed = failing_alloc_stop();
        assert_int_equal(!failed, rc == CV_OK && copied && out.failed == CV_OK);
        if (rc != CV_OK)
            assert_int_equal(-77, got.config_offset);
        else
            group_metadata_done(&got);
        if (!copied)
            assert_null(copy.items);
        group_work_done(&copy);
        cv_buf_free(&out);
        if (!failed)
            break;
    }
    assert_true(n > 5);
    group_metadata_done(&good);
    cv_buf_free(&bytes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_metadata_reads_and_writes_the_same_bytes),
        cmocka_unit_test(recorded_assignments_read_and_write_the_same_bytes),
        cmocka_unit_test(metadata_that_owns_work_has_the_documented_bytes),
        cmocka_unit_test(version_0_assignment_ends_with_the_work),
        cmocka_unit_test(assignment_may_end_only_between_trailing_fields),
        cmocka_unit_test(bytes_after_the_last_field_are_not_looked_at),
        cmocka_unit_test(repeated_units_are_read_once_in_their_first_place),
        cmocka_unit_test(hostile_metadata_is_refused_with_what_is_wrong),
        cmocka_unit_test(a_set_that_unfolds_to_too_much_memory_is_refused),
        cmocka_unit_test(a_set_of_too_many_units_is_refused),
        cmocka_unit_test(a_set_keeps_order_and_holds_a_unit_once),
        cmocka_unit_test(every_failed_allocation_is_reported),
        cmocka_unit_test(a_name_that_does_not_fit_fails_the_buffer),
    };

    return cmocka_run_group_tests(tests, load, unload);
}
