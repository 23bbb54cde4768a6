/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/store/java_map.c and file_store.c against files that Java wrote (tests/data/offset_file), and a topic log
 * without Kafka on top of the file.
 */
#include "worker/store/file_store.h"

#include "tests/helper/cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "worker/store/java_map.h"

#define WAIT_MS 10000

/* ---- the format ---- */

static void
read_whole(const char *path, struct cv_buf *out)
{
    FILE *in = fopen(path, "rb");
    char chunk[4096];
    size_t n;

    assert_non_null(in);
    while ((n = fread(chunk, 1, sizeof(chunk), in)) > 0)
        cv_buf_add(out, chunk, n);
    (void)fclose(in);
}

static void
read_data(const char *name, struct cv_buf *out)
{
    char path[512];

    snprintf(path, sizeof(path), TEST_DATA "/offset_file/%s.bin", name);
    read_whole(path, out);
}

struct copy {
    struct cv_buf text; /* "key=value;" of each */
    struct java_map_writer writer;
    struct cv_buf out;
    uint32_t count;
};

static enum cv_rc
on_entry(void *arg, const struct cv_bytes *key, const struct cv_bytes *value, struct cv_err *err)
{
    struct copy *copy = arg;

    (void)err;
    copy->count++;
    cv_buf_printf(&copy->text, "%.*s=%.*s;", (int)key->len, key->data, (int)value->len,
                  value->data == NULL ? "" : value->data);
    if (copy->writer.out != NULL)
        java_map_put(&copy->writer, key, value);
    return CV_OK;
}

static void
what_java_wrote_is_read_and_written_again_byte_for_byte(void **state)
{
    static const struct {
        const char *name;
        uint32_t count;
    } files[] = { { "empty", 0 }, { "one", 1 }, { "three", 3 }, { "thirteen", 13 } };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(files); i++) {
        struct copy copy = { .text = CV_BUF_INIT(1 << 20), .out = CV_BUF_INIT(1 << 20) };
        struct cv_buf bytes = CV_BUF_INIT(1 << 20);
        struct cv_err err = CV_ERR_INIT;

        read_data(files[i].name, &bytes);
        java_map_begin(&copy.writer, &copy.out, files[i].count);
        assert_int_equal(java_map_read(bytes.data, bytes.len, on_entry, &copy, &err), CV_OK);
        java_map_end(&copy.writer);
        assert_int_equal(copy.count, files[i].count);
        assert_int_equal(copy.out.len, bytes.len);
        assert_memory_equal(copy.out.data, bytes.data, bytes.len);
        cv_buf_free(&bytes);
        cv_buf_free(&copy.text);
        cv_buf_free(&copy.out);
    }
}

static void
keys_values_and_nulls_are_those_of_the_map(void **state)
{
    struct copy copy = { .text = CV_BUF_INIT(1 << 20) };
    struct cv_buf bytes = CV_BUF_INIT(1 << 20);
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    read_data("three", &bytes);
    assert_int_equal(java_map_read(bytes.data, bytes.len, on_entry, &copy, &err), CV_OK);
    assert_non_null(strstr(cv_buf_cstr(&copy.text), "[\"foo\",{\"filename\":\"/data/in.txt\"}]={\"position\":42};"));
    assert_non_null(strstr(cv_buf_cstr(&copy.text), "[\"bar\",{\"filename\":\"/data/other.txt\"}]=;"));
    cv_buf_free(&bytes);
    cv_buf_reset(&copy.text);
    read_data("shared", &bytes); /* the value is a reference to the key */
    assert_int_equal(java_map_read(bytes.data, bytes.len, on_entry, &copy, &err), CV_OK);
    assert_string_equal(cv_buf_cstr(&copy.text), "x=x;");
    cv_buf_free(&bytes);
    cv_buf_free(&copy.text);
}

static enum cv_rc
refuse(void *arg, const struct cv_bytes *key, const struct cv_bytes *value, struct cv_err *err)
{
    (void)key;
    (void)value;
    ++*(int *)arg;
    return cv_fail(err, CV_NO_MEMORY, "no more");
}

static void
an_entry_that_cannot_be_taken_ends_the_reading(void **state)
{
    struct cv_buf bytes = CV_BUF_INIT(1 << 20);
    struct cv_err err = CV_ERR_INIT;
    int calls = 0;

    (void)state;
    read_data("three", &bytes);
    assert_int_equal(java_map_read(bytes.data, bytes.len, refuse, &calls, &err), CV_NO_MEMORY);
    assert_string_equal(err.text, "no more");
    assert_int_equal(calls, 1);
    cv_buf_free(&bytes);
}

static void
other_objects_and_broken_files_are_refused(void **state)
{
    static const char *const others[] = { "strings", "not-hashmap" };
    struct copy copy = { .text = CV_BUF_INIT(1 << 20) };
    struct cv_buf bytes = CV_BUF_INIT(1 << 20);
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    for (size_t i = 0; i < CV_COUNT(others); i++) {
        read_data(others[i], &bytes);
        assert_int_equal(java_map_read(bytes.data, bytes.len, on_entry, &copy, &err), CV_INVALID);
        cv_buf_reset(&bytes);
    }
    assert_string_equal(err.text, "no java.util.HashMap in Java's serialization format");
    read_data("three", &bytes);
    for (size_t len = 0; len < bytes.len; len++) /* cut off anywhere */
        assert_int_equal(java_map_read(bytes.data, len, on_entry, &copy, &err), CV_INVALID);
    cv_buf_char(&bytes, 'x'); /* and with something behind it */
    assert_int_equal(java_map_read(bytes.data, bytes.len, on_entry, &copy, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "unexpected bytes at its end"));
    cv_buf_free(&bytes);
    cv_buf_free(&copy.text);
}

/* ---- the file, below a topic log ---- */

struct fixture {
    char dir[64];
    char path[128];
    struct file_store *store;
    struct cv_local_log local;
    struct cv_topic_log *log;
    struct cv_buf seen; /* "offset key=value;" in the handler's order */
    enum cv_rc sent_rc;
    int sent;
};

static void
on_record(void *arg, const struct cv_consumed *rec)
{
    struct fixture *f = arg;

    cv_buf_printf(&f->seen, "%d %.*s=%.*s;", (int)rec->offset, (int)rec->key.len, rec->key.data, (int)rec->value.len,
                  rec->value.data == NULL ? "" : rec->value.data);
}

static enum cv_rc
open_log(struct fixture *f, struct cv_err *err)
{
    const struct cv_topic_log_spec spec = { .topic = { .name = "offsets" },
                                            .handler = on_record,
                                            .arg = f,
                                            .local = &f->local };

    assert_int_equal(file_store_new(f->path, &f->store, err), CV_OK);
    f->local = file_store_local(f->store);
    return cv_topic_log_start(&spec, NULL, &f->log, err);
}

static void
close_log(struct fixture *f)
{
    cv_topic_log_free(f->log, WAIT_MS);
    file_store_free(f->store);
    f->log = NULL;
    f->store = NULL;
    cv_buf_reset(&f->seen);
}

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    strcpy(f->dir, "/tmp/culvert-file-store.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof(f->path), "%s/offsets", f->dir);
    cv_buf_init(&f->seen, 1 << 20);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;
    char tmp[160];

    close_log(f);
    cv_buf_free(&f->seen);
    snprintf(tmp, sizeof(tmp), "%s.tmp", f->path);
    (void)unlink(tmp);
    (void)rmdir(tmp);
    snprintf(tmp, sizeof(tmp), "%s.lock", f->path);
    (void)unlink(tmp);
    (void)unlink(f->path);
    (void)rmdir(f->dir);
    free(f);
    return 0;
}

static struct cv_bytes
bytes_of(const char *text)
{
    return text == NULL ? (struct cv_bytes){ 0 } : (struct cv_bytes){ text, strlen(text) };
}

static void
write_one(struct fixture *f, const char *key, const char *value)
{
    struct cv_err err = CV_ERR_INIT;

    if (cv_topic_log_write(f->log, bytes_of(key), bytes_of(value), WAIT_MS, &err) != CV_OK)
        fail_msg("%s", err.text);
}

static void
on_sent(void *arg, const struct cv_err *err)
{
    struct fixture *f = arg;

    f->sent++;
    if (err != NULL)
        f->sent_rc = err->rc;
}

static void
records_are_handled_in_order_and_are_there_after_a_restart(void **state)
{
    struct fixture *f = *state;
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(open_log(f, &err), CV_OK); /* there is no file yet */
    assert_string_equal(cv_buf_cstr(&f->seen), "");
    write_one(f, "a", "1");
    write_one(f, "b", "2");
    write_one(f, "a", "3");
    write_one(f, "c", "4");
    write_one(f, "b", NULL);
    assert_string_equal(cv_buf_cstr(&f->seen), "0 a=1;1 b=2;2 a=3;3 c=4;4 b=;");
    close_log(f);
    assert_int_equal(open_log(f, &err), CV_OK);
    assert_string_equal(cv_buf_cstr(&f->seen), "0 a=3;1 c=4;");
}

static void
what_was_sent_before_is_handled_when_the_log_is_read_to_its_end(void **state)
{
    struct fixture *f = *state;
    struct cv_err err = CV_ERR_INIT;
    size_t commas = 0;

    assert_int_equal(open_log(f, &err), CV_OK);
    for (int i = 0; i < 500; i++) {
        char key[16];

        snprintf(key, sizeof(key), "k%d", i);
        assert_int_equal(cv_topic_log_send(f->log, bytes_of(key), bytes_of("v"), on_sent, f, &err), CV_OK);
    }
    assert_int_equal(cv_topic_log_read_to_end(f->log, WAIT_MS, &err), CV_OK);
    assert_int_equal(f->sent, 500);
    assert_int_equal(f->sent_rc, CV_OK);
    for (const char *p = cv_buf_cstr(&f->seen); *p != '\0'; p++)
        commas += *p == ';';
    assert_int_equal(commas, 500);
    close_log(f);
    assert_int_equal(open_log(f, &err), CV_OK);
    assert_non_null(strstr(cv_buf_cstr(&f->seen), "499 k499=v;"));
}

static void
what_is_on_its_way_when_the_log_closes_is_kept(void **state)
{
    struct fixture *f = *state;
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(open_log(f, &err), CV_OK);
    assert_int_equal(cv_topic_log_send(f->log, bytes_of("k"), bytes_of("v"), on_sent, f, &err), CV_OK);
    close_log(f);
    assert_int_equal(f->sent, 1);
    assert_int_equal(open_log(f, &err), CV_OK);
    assert_string_equal(cv_buf_cstr(&f->seen), "0 k=v;");
}

static void
a_file_of_a_java_worker_is_taken_over(void **state)
{
    struct fixture *f = *state;
    struct cv_buf bytes = CV_BUF_INIT(1 << 20);
    struct cv_err err = CV_ERR_INIT;
    FILE *out = fopen(f->path, "wb");

    assert_non_null(out);
    read_data("three", &bytes);
    assert_int_equal(fwrite(bytes.data, 1, bytes.len, out), bytes.len);
    (void)fclose(out);
    cv_buf_free(&bytes);
    assert_int_equal(open_log(f, &err), CV_OK);
    assert_non_null(strstr(cv_buf_cstr(&f->seen), "[\"foo\",{\"filename\":\"/data/in.txt\"}]={\"position\":42};"));
    assert_null(strstr(cv_buf_cstr(&f->seen), "[\"bar\"")); /* its offset is null */
}

static void
an_empty_file_is_as_good_as_none(void **state)
{
    struct fixture *f = *state;
    struct cv_err err = CV_ERR_INIT;
    FILE *out = fopen(f->path, "wb");

    assert_non_null(out);
    (void)fclose(out);
    assert_int_equal(open_log(f, &err), CV_OK);
    write_one(f, "a", "1");
}

static void
another_file_is_refused_and_left_alone(void **state)
{
    struct fixture *f = *state;
    struct cv_buf bytes = CV_BUF_INIT(1 << 20);
    struct cv_err err = CV_ERR_INIT;
    FILE *out = fopen(f->path, "wb");

    assert_non_null(out);
    fputs("precious", out);
    (void)fclose(out);
    assert_int_equal(open_log(f, &err), CV_INVALID);
    assert_non_null(strstr(err.text, f->path));
    assert_non_null(strstr(err.text, "is not the offset file of a Connect worker"));
    f->log = NULL;
    read_whole(f->path, &bytes);
    assert_string_equal(cv_buf_cstr(&bytes), "precious");
    cv_buf_free(&bytes);
}

static void
a_file_that_cannot_be_written_fails_the_write_and_hides_the_record(void **state)
{
    struct fixture *f = *state;
    struct cv_err err = CV_ERR_INIT;
    char tmp[160];

    assert_int_equal(open_log(f, &err), CV_OK);
    snprintf(tmp, sizeof(tmp), "%s.tmp", f->path);
    assert_int_equal(mkdir(tmp, 0700), 0); /* in the way of the file that is written first */
    assert_int_equal(cv_topic_log_write(f->log, bytes_of("a"), bytes_of("1"), WAIT_MS, &err), CV_RETRY);
    assert_non_null(strstr(err.text, "could not write offsets to"));
    assert_string_equal(cv_buf_cstr(&f->seen), "");
    assert_int_equal(access(f->path, F_OK), -1);
    assert_int_equal(rmdir(tmp), 0);
    write_one(f, "b", "2");
    assert_string_equal(cv_buf_cstr(&f->seen), "0 b=2;");
}

static void
a_file_that_another_has_is_refused_until_it_is_closed(void **state)
{
    struct fixture *f = *state, other = *f;
    struct cv_err err = CV_ERR_INIT;

    cv_buf_init(&other.seen, 1 << 20);
    assert_int_equal(open_log(f, &err), CV_OK);
    write_one(f, "a", "1");
    assert_int_equal(open_log(&other, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "/offsets\" is in use by another worker: stop that one, or name another file"));
    file_store_free(other.store);
    write_one(f, "a", "2");
    close_log(f);
    assert_int_equal(open_log(&other, &err), CV_OK);
    assert_string_equal(cv_buf_cstr(&other.seen), "0 a=2;");
    close_log(&other);
    cv_buf_free(&other.seen);
}

static void
a_log_that_keeps_nothing_still_hands_records_on(void **state)
{
    struct fixture *f = *state;
    const struct cv_local_log memory = { 0 };
    const struct cv_topic_log_spec spec = { .topic = { .name = "configs" },
                                            .handler = on_record,
                                            .arg = f,
                                            .local = &memory };
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(cv_topic_log_start(&spec, NULL, &f->log, &err), CV_OK);
    write_one(f, "a", "1");
    assert_string_equal(cv_buf_cstr(&f->seen), "0 a=1;");
    assert_string_equal(cv_topic_log_topic(f->log), "configs");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_java_wrote_is_read_and_written_again_byte_for_byte),
        cmocka_unit_test(keys_values_and_nulls_are_those_of_the_map),
        cmocka_unit_test(an_entry_that_cannot_be_taken_ends_the_reading),
        cmocka_unit_test(other_objects_and_broken_files_are_refused),
        TEST(records_are_handled_in_order_and_are_there_after_a_restart),
        TEST(what_was_sent_before_is_handled_when_the_log_is_read_to_its_end),
        TEST(what_is_on_its_way_when_the_log_closes_is_kept),
        TEST(a_file_of_a_java_worker_is_taken_over),
        TEST(an_empty_file_is_as_good_as_none),
        TEST(another_file_is_refused_and_left_alone),
        TEST(a_file_that_cannot_be_written_fails_the_write_and_hides_the_record),
        TEST(a_file_that_another_has_is_refused_until_it_is_closed),
        TEST(a_log_that_keeps_nothing_still_hands_records_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
