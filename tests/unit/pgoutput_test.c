/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "tests/helper/cmocka_all.h"

#include <stdlib.h>

#include "common/buf.h"
#include "connectors/postgres/pgoutput.h"

static struct pgoutput_value old_values[PGOUTPUT_MAX_COLUMNS], new_values[PGOUTPUT_MAX_COLUMNS];

static void
add_text(struct cv_buf *buf, const char *text)
{
    cv_buf_char(buf, 't');
    cv_buf_be32(buf, (uint32_t)strlen(text));
    cv_buf_str(buf, text);
}

/* An update of relation 7 with an old key tuple (id) and a new row: 42, null, unchanged. */
static struct cv_buf
update_message(void)
{
    struct cv_buf buf = CV_BUF_INIT(4096);

    cv_buf_char(&buf, 'U');
    cv_buf_be32(&buf, 7);
    cv_buf_char(&buf, 'K');
    cv_buf_be16(&buf, 3);
    add_text(&buf, "41");
    cv_buf_str(&buf, "nn");
    cv_buf_char(&buf, 'N');
    cv_buf_be16(&buf, 3);
    add_text(&buf, "42");
    cv_buf_str(&buf, "nu");
    return buf;
}

static void
begin_is_read(void **state)
{
    struct cv_buf buf = CV_BUF_INIT(64);
    struct pgoutput_begin begin;
    struct cv_err err;

    (void)state;
    cv_buf_char(&buf, 'B');
    cv_buf_be64(&buf, UINT64_C(0x0000000100000002));
    cv_buf_be64(&buf, 5);
    cv_buf_be32(&buf, 745);
    assert_int_equal(pgoutput_read_begin(buf.data, buf.len, &begin, &err), CV_OK);
    assert_int_equal(begin.final_lsn, UINT64_C(0x0000000100000002));
    assert_int_equal(begin.commit_time_us, PG_EPOCH_US + 5);
    assert_int_equal(begin.xid, 745);
    cv_buf_free(&buf);
}

static void
times_no_server_means_are_bounded(void **state)
{
    struct cv_buf buf = CV_BUF_INIT(64);
    struct pgoutput_begin begin;
    struct cv_err err;

    (void)state;
    for (int i = 0; i < 2; i++) {
        cv_buf_reset(&buf);
        cv_buf_char(&buf, 'B');
        cv_buf_be64(&buf, 1);
        cv_buf_be64(&buf, i == 0 ? (uint64_t)INT64_MAX : (uint64_t)INT64_MIN);
        cv_buf_be32(&buf, 1);
        assert_int_equal(pgoutput_read_begin(buf.data, buf.len, &begin, &err), CV_OK);
        assert_int_equal(begin.commit_time_us, (i == 0 ? INT64_MAX : INT64_MIN) / 1000);
    }
    cv_buf_free(&buf);
}

static void
begin_one_byte_short_or_long_is_rejected(void **state)
{
    unsigned char bytes[22] = { 'B' };
    struct pgoutput_begin begin = { .xid = 99 };
    struct cv_err err;

    (void)state;
    assert_int_equal(pgoutput_read_begin(bytes, 20, &begin, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "Begin"));
    assert_int_equal(pgoutput_read_begin(bytes, 22, &begin, &err), CV_INVALID);
    assert_int_equal(begin.xid, 99);
}

static void
update_has_old_key_and_new_row(void **state)
{
    struct cv_buf buf = update_message();
    struct pgoutput_change change = { .old.values = old_values, .new.values = new_values };
    struct cv_err err;

    (void)state;
    assert_int_equal(pgoutput_read_change(buf.data, buf.len, &change, &err), CV_OK);
    assert_int_equal(change.relation, 7);
    assert_int_equal(change.old_kind, 'K');
    assert_true(change.has_new);
    assert_int_equal(change.old.n_columns, 3);
    assert_memory_equal(change.old.values[0].data, "41", 2);
    assert_int_equal(change.new.values[0].len, 2);
    assert_int_equal(change.new.values[1].kind, 'n');
    assert_int_equal(change.new.values[2].kind, 'u');
    cv_buf_free(&buf);
}

static void
change_cut_at_any_byte_is_rejected(void **state)
{
    struct cv_buf buf = update_message();
    struct cv_err err;

    (void)state;
    for (size_t len = 0; len < buf.len; len++) {
        struct pgoutput_change change = { .relation = 1, .old.values = old_values, .new.values = new_values };
        char *cut = malloc(len + 1); /* so that a sanitizer sees a read past the end */

        memcpy(cut, buf.data, len);
        assert_int_equal(pgoutput_read_change(cut, len, &change, &err), CV_INVALID);
        assert_int_equal(change.relation, 1);
        free(cut);
    }
    cv_buf_free(&buf);
}

static void
value_length_beyond_the_message_is_rejected(void **state)
{
    static const unsigned char bytes[] = { 'I', 0, 0, 0, 7, 'N', 0, 1, 't', 0x7f, 0xff, 0xff, 0xff, 'x' };
    struct pgoutput_change change = { .old.values = old_values, .new.values = new_values };
    struct cv_err err;

    (void)state;
    assert_int_equal(pgoutput_read_change(bytes, sizeof(bytes), &change, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "Insert"));
}

static void
relation_names_its_columns(void **state)
{
    struct pgoutput_relation *rel = calloc(1, sizeof(*rel));
    struct cv_buf buf = CV_BUF_INIT(256);
    struct cv_err err;

    (void)state;
    cv_buf_char(&buf, 'R');
    cv_buf_be32(&buf, 16385);
    cv_buf_add(&buf, "public\0orders\0d", 15);
    cv_buf_be16(&buf, 2);
    cv_buf_add(&buf, "\1id", 4);
    cv_buf_be32(&buf, 20);
    cv_buf_be32(&buf, UINT32_MAX);
    cv_buf_add(&buf, "\0total", 7);
    cv_buf_be32(&buf, 1700);
    cv_buf_be32(&buf, 786438);
    assert_int_equal(pgoutput_read_relation(buf.data, buf.len, rel, &err), CV_OK);
    assert_int_equal(rel->oid, 16385);
    assert_string_equal(rel->name, "orders");
    assert_int_equal(rel->n_columns, 2);
    assert_true(rel->columns[0].key);
    assert_false(rel->columns[1].key);
    assert_string_equal(rel->columns[1].name, "total");
    assert_int_equal(rel->columns[1].typmod, 786438);
    assert_int_equal(pgoutput_read_relation(buf.data, buf.len - 1, rel, &err), CV_INVALID);
    cv_buf_free(&buf);
    free(rel);
}

static void
truncate_with_too_many_relations_is_rejected(void **state)
{
    static const unsigned char good[] = { 'T', 0, 0, 0, 2, 1, 0, 0, 0, 7, 0, 0, 1, 0 };
    static const unsigned char bad[] = { 'T', 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 7 };
    struct pgoutput_truncate truncate;
    struct cv_err err;

    (void)state;
    assert_int_equal(pgoutput_read_truncate(good, sizeof(good), &truncate, &err), CV_OK);
    assert_int_equal(truncate.n_relations, 2);
    assert_int_equal(pgoutput_truncate_oid(&truncate, 1), 256);
    assert_int_equal(pgoutput_read_truncate(bad, sizeof(bad), &truncate, &err), CV_INVALID);
}

static void
keepalive_and_unknown_frames(void **state)
{
    unsigned char bytes[18] = { 'k', 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 };
    struct pgoutput_frame frame;
    struct cv_err err;

    (void)state;
    assert_int_equal(pgoutput_read_frame(bytes, sizeof(bytes), &frame, &err), CV_OK);
    assert_int_equal(frame.end, 256);
    assert_true(frame.reply);
    assert_int_equal(pgoutput_read_frame(bytes, sizeof(bytes) - 1, &frame, &err), CV_INVALID);
    bytes[0] = 'z';
    assert_int_equal(pgoutput_read_frame(bytes, sizeof(bytes), &frame, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "0x7a"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begin_is_read),
        cmocka_unit_test(times_no_server_means_are_bounded),
        cmocka_unit_test(begin_one_byte_short_or_long_is_rejected),
        cmocka_unit_test(update_has_old_key_and_new_row),
        cmocka_unit_test(change_cut_at_any_byte_is_rejected),
        cmocka_unit_test(value_length_beyond_the_message_is_rejected),
        cmocka_unit_test(relation_names_its_columns),
        cmocka_unit_test(truncate_with_too_many_relations_is_rejected),
        cmocka_unit_test(keepalive_and_unknown_frames),
    };

    return cmocka_run_group_tests_name("pgoutput", tests, NULL, NULL);
}
