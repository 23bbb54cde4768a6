/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What no PostgreSQL sends: messages and frames cut at every byte, with bytes behind their end, with counts and lengths
 * beyond what is there. Each is refused by name, and the outputs stay as they were. Each message is read from memory of
 * its own length, so that a sanitizer sees every byte too many.
 */
#include <config.h>

#include "tests/helper/cmocka_all.h"

#include <stdlib.h>

#include "common/buf.h"
#include "connectors/postgres/pgoutput.h"

static struct pgoutput_value old_values[PGOUTPUT_MAX_COLUMNS], new_values[PGOUTPUT_MAX_COLUMNS];
static struct pgoutput_relation relation;

/* Read as the message that its first byte says; outputs that a failure has touched fail the test. */
static enum cv_rc
read_any(const void *data, size_t len, struct cv_err *err)
{
    struct pgoutput_change change = { .relation = 77, .old.values = old_values, .new.values = new_values };
    struct pgoutput_truncate truncate = { .n_relations = 77 };
    struct pgoutput_message message = { .len = 77 };
    struct pgoutput_begin begin = { .xid = 77 };
    struct pgoutput_commit commit = { .end_lsn = 77 };
    struct pgoutput_frame frame = { .type = 77 };
    bool untouched = true;
    enum cv_rc rc;

    switch (len > 0 ? *(const char *)data : 'w') {
    case 'B':
        rc = pgoutput_read_begin(data, len, &begin, err);
        untouched = begin.xid == 77;
        break;
    case 'C':
        rc = pgoutput_read_commit(data, len, &commit, err);
        untouched = commit.end_lsn == 77;
        break;
    case 'R':
        relation.n_columns = 77;
        rc = pgoutput_read_relation(data, len, &relation, err);
        untouched = relation.n_columns == 77;
        break;
    case 'I':
    case 'U':
    case 'D':
        rc = pgoutput_read_change(data, len, &change, err);
        untouched = change.relation == 77 && !change.has_new && change.old_kind == 0;
        break;
    case 'T':
        rc = pgoutput_read_truncate(data, len, &truncate, err);
        untouched = truncate.n_relations == 77;
        break;
    case 'M':
        rc = pgoutput_read_message(data, len, &message, err);
        untouched = message.len == 77;
        break;
    default:
        rc = pgoutput_read_frame(data, len, &frame, err);
        untouched = frame.type == 77;
        break;
    }
    assert_true(rc == CV_OK || (rc == CV_INVALID && untouched && err->text[0] != '\0'));
    return rc;
}

/* From a copy that ends where the message does. */
static enum cv_rc
read_exactly(const void *data, size_t len, struct cv_err *err)
{
    void *copy = malloc(len > 0 ? len : 1);
    enum cv_rc rc;

    assert_non_null(copy);
    memcpy(copy, data, len);
    rc = read_any(copy, len, err);
    free(copy);
    return rc;
}

static void
refused(const void *data, size_t len, const char *words)
{
    struct cv_err err = CV_ERR_INIT;

    if (read_exactly(data, len, &err) == CV_OK)
        fail_msg("%zu bytes of '%c' were taken", len, *(const char *)data);
    if (strstr(err.text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.text, words);
}

/* One good message of each kind; the name is what refusals must say. */
static const struct {
    const char *name;
    const char *bytes;
    size_t len;
} messages[] = {
#define MESSAGE(name, text) { name, text, sizeof(text) - 1 }
    MESSAGE("Begin", "B\0\0\0\0\1\0\0\2\0\0\0\0\0\0\0\5\0\0\2\xe9"),
    MESSAGE("Commit", "C\0\0\0\0\0\1\0\0\2\0\0\0\0\1\0\0\3\0\0\0\0\0\0\0\5"),
    MESSAGE("Relation", "R\0\0\0\7public\0t\0d\0\2\1id\0\0\0\0\27\xff\xff\xff\xff\0v\0\0\0\0\31\xff\xff\xff\xff"),
    MESSAGE("Insert", "I\0\0\0\7N\0\2t\0\0\0\2" "42n"),
    MESSAGE("Update", "U\0\0\0\7K\0\2t\0\0\0\2" "41nN\0\2t\0\0\0\2" "42u"),
    MESSAGE("Update", "U\0\0\0\7O\0\1nN\0\1t\0\0\0\0"),
    MESSAGE("Delete", "D\0\0\0\7O\0\2t\0\0\0\2" "42n"),
    MESSAGE("Truncate", "T\0\0\0\2\1\0\0\0\7\0\0\0\10"),
    MESSAGE("Message", "M\1\0\0\0\0\1\0\0\2prefix\0\0\0\0\3abc"),
    MESSAGE("keepalive", "k\0\0\0\0\1\0\0\2\0\0\0\0\0\0\0\5\1"),
#undef MESSAGE
};

static void
every_message_cut_at_any_byte_is_refused_by_name(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    for (size_t i = 0; i < CV_COUNT(messages); i++) {
        assert_int_equal(read_exactly(messages[i].bytes, messages[i].len, &err), CV_OK);
        for (size_t len = 1; len < messages[i].len; len++)
            refused(messages[i].bytes, len, messages[i].name);
    }
    refused("", 0, "unknown replication frame");
}

static void
bytes_behind_the_end_are_refused(void **state)
{
    char longer[128];

    (void)state;
    for (size_t i = 0; i < CV_COUNT(messages); i++)
        for (size_t more = 1; more <= 4; more++) {
            memset(longer, 0, sizeof(longer));
            memcpy(longer, messages[i].bytes, messages[i].len);
            refused(longer, messages[i].len + more, messages[i].name);
        }
}

/* Any one byte of a tuple changed: taken or refused, but never read beyond its end. */
static void
every_byte_may_be_any_other(void **state)
{
    char copy[128];

    (void)state;
    for (size_t i = 0; i < CV_COUNT(messages); i++)
        for (size_t at = 1; at < messages[i].len; at++)
            for (int byte = 0; byte < 256; byte++) {
                struct cv_err err = CV_ERR_INIT;

                memcpy(copy, messages[i].bytes, messages[i].len);
                copy[at] = (char)byte;
                (void)!read_exactly(copy, messages[i].len, &err);
            }
}

static void
lengths_beyond_the_message_are_refused(void **state)
{
    static const uint32_t lengths[] = { 3, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffe };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(lengths); i++) {
        struct cv_buf buf = CV_BUF_INIT(64);

        cv_buf_add(&buf, "I\0\0\0\7N\0\1t", 9);
        cv_buf_be32(&buf, lengths[i]);
        cv_buf_str(&buf, "ab");
        refused(buf.data, buf.len, "Insert");
        cv_buf_reset(&buf);
        cv_buf_add(&buf, "M\1\0\0\0\0\1\0\0\2p", 12);
        cv_buf_be32(&buf, lengths[i]);
        cv_buf_str(&buf, "ab");
        refused(buf.data, buf.len, "Message");
        cv_buf_reset(&buf);
        cv_buf_char(&buf, 'T');
        cv_buf_be32(&buf, lengths[i]);
        cv_buf_add(&buf, "\0\0\0\0\7\0\0\0\10", 9);
        refused(buf.data, buf.len, "Truncate");
        cv_buf_free(&buf);
    }
}

static void
kinds_that_do_not_exist_are_refused(void **state)
{
    (void)state;
    refused("I\0\0\0\7N\0\1x", 9, "Insert");
    refused("I\0\0\0\7N\0\1b\0\0\0\1a", 14, "Insert"); /* binary: nobody has asked for it */
    refused("I\0\0\0\7K\0\1n", 9, "Insert");           /* an insert has no old row */
    refused("U\0\0\0\7X\0\1n", 9, "Update");
    refused("U\0\0\0\7K\0\1nK\0\1n", 13, "Update");
    refused("D\0\0\0\7N\0\1n", 9, "Delete"); /* a delete has no new one */
    refused("D\0\0\0\7K\0\1nN\0\1n", 13, "Delete");
    for (int type = 0; type < 256; type++) {
        struct pgoutput_frame frame;
        struct cv_err err = CV_ERR_INIT;
        char bytes[25] = { (char)type };

        if (type != 'w' && type != 'k')
            assert_int_equal(pgoutput_read_frame(bytes, sizeof(bytes), &frame, &err), CV_INVALID);
    }
}

/* A Relation message of n columns with names of that length. */
static struct cv_buf
wide_relation(uint16_t n, size_t name_len)
{
    struct cv_buf buf = CV_BUF_INIT(1 << 20);

    cv_buf_add(&buf, "R\0\0\0\7\0t\0d", 9);
    cv_buf_be16(&buf, n);
    for (uint16_t i = 0; i < n; i++) {
        cv_buf_char(&buf, '\0');
        for (size_t c = 0; c < name_len; c++)
            cv_buf_char(&buf, 'c');
        cv_buf_char(&buf, '\0');
        cv_buf_be32(&buf, 23);
        cv_buf_be32(&buf, 0xffffffff);
    }
    return buf;
}

static void
a_table_has_at_most_as_many_columns_as_postgresql_allows(void **state)
{
    static const uint16_t counts[] = { 0, 1600, PGOUTPUT_MAX_COLUMNS };
    struct cv_err err = CV_ERR_INIT;
    struct cv_buf buf;

    (void)state;
    for (size_t i = 0; i < CV_COUNT(counts); i++) {
        buf = wide_relation(counts[i], 63);
        assert_int_equal(read_exactly(buf.data, buf.len, &err), CV_OK);
        assert_int_equal(relation.n_columns, counts[i]);
        cv_buf_free(&buf);
    }
    buf = wide_relation(PGOUTPUT_MAX_COLUMNS + 1, 0);
    refused(buf.data, buf.len, "more than a table can have");
    cv_buf_free(&buf);
    buf = wide_relation(3, 0); /* names that are empty are names */
    assert_int_equal(read_exactly(buf.data, buf.len, &err), CV_OK);
    cv_buf_free(&buf);

    buf = (struct cv_buf)CV_BUF_INIT(8192);
    cv_buf_add(&buf, "I\0\0\0\7N", 6);
    cv_buf_be16(&buf, PGOUTPUT_MAX_COLUMNS + 1);
    for (int i = 0; i <= PGOUTPUT_MAX_COLUMNS; i++)
        cv_buf_char(&buf, 'n');
    refused(buf.data, buf.len, "Insert");
    cv_buf_free(&buf);
}

static void
a_name_without_its_end_is_refused(void **state)
{
    (void)state;
    refused("R\0\0\0\7public", 11, "Relation");
    refused("R\0\0\0\7public\0t", 13, "Relation");
    refused("R\0\0\0\7public\0t\0d\0\1\1id", 20, "Relation");
    refused("M\1\0\0\0\0\1\0\0\2prefix", 16, "Message");
}

/* Names are bytes here: whoever shows them or makes topics of them looks at their encoding. */
static void
a_name_may_hold_any_bytes(void **state)
{
    static const char bytes[] = "R\0\0\0\7a\"b\0\xff\xfe\xc0\xaf\0d\0\1\1\xed\xa0\x80\0\0\0\0\27\xff\xff\xff\xff";
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(pgoutput_read_relation(bytes, sizeof(bytes) - 1, &relation, &err), CV_OK);
    assert_string_equal(relation.schema, "a\"b");
    assert_string_equal(relation.name, "\xff\xfe\xc0\xaf");
    assert_string_equal(relation.columns[0].name, "\xed\xa0\x80");
}

static void
frames_that_are_too_short_are_refused(void **state)
{
    char frame[26] = { 'w' };

    (void)state;
    for (size_t len = 1; len < 25; len++)
        refused(frame, len, "XLogData");
    frame[0] = 'k';
    for (size_t len = 1; len < 18; len++)
        refused(frame, len, "keepalive");
    refused(frame, 19, "keepalive");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_cut_at_any_byte_is_refused_by_name),
        cmocka_unit_test(bytes_behind_the_end_are_refused),
        cmocka_unit_test(every_byte_may_be_any_other),
        cmocka_unit_test(lengths_beyond_the_message_are_refused),
        cmocka_unit_test(kinds_that_do_not_exist_are_refused),
        cmocka_unit_test(a_table_has_at_most_as_many_columns_as_postgresql_allows),
        cmocka_unit_test(a_name_without_its_end_is_refused),
        cmocka_unit_test(a_name_may_hold_any_bytes),
        cmocka_unit_test(frames_that_are_too_short_are_refused),
    };

    return cmocka_run_group_tests_name("pgoutput_bad", tests, NULL, NULL);
}
