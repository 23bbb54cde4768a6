/* SPDX-License-Identifier: Apache-2.0 */
#include "connectors/postgres/signal.h"

#include "tests/helper/cmocka_all.h"

#include <string.h>

#include "common/arena.h"

static struct cv_bytes
text(const char *s)
{
    return (struct cv_bytes){ s, s != NULL ? strlen(s) : 0 };
}

static enum cv_rc
read_one(struct cv_arena *arena, const char *type, const char *data, struct signal *ret, struct cv_err *err)
{
    return signal_read(text("s1"), text(type), text(data), arena, ret, err);
}

static void
an_incremental_snapshot_is_what_execute_means_by_default(void **state)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    struct signal signal;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(read_one(arena, "execute-snapshot",
                              "{\"data-collections\": [\"public.a\", \"s\\\\.b\"], \"surrogate-key\": \"v\","
                              " \"additional-conditions\": [{\"data-collection\": \"public.a\", \"filter\": \"id > "
                              "5\"}]}",
                              &signal, &err),
                     CV_OK);
    assert_int_equal(signal.kind, SIGNAL_EXECUTE);
    assert_false(signal.blocking);
    assert_string_equal(signal.id, "s1");
    assert_int_equal(signal.n_collections, 2);
    assert_string_equal(signal.collections[1], "s\\.b");
    assert_string_equal(signal.surrogate_key, "v");
    assert_int_equal(signal.n_conditions, 1);
    assert_string_equal(signal.conditions[0].filter, "id > 5");
    cv_arena_free(arena);
}

static void
types_are_told_whatever_their_case(void **state)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    struct signal signal;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(read_one(arena, "execute-snapshot", "{\"type\":\"Blocking\",\"data-collections\":[\"a.b\"]}",
                              &signal, &err), CV_OK);
    assert_true(signal.blocking);
    assert_int_equal(read_one(arena, "stop-snapshot", NULL, &signal, &err), CV_OK);
    assert_int_equal(signal.kind, SIGNAL_STOP);
    assert_int_equal(signal.n_collections, 0);
    assert_int_equal(read_one(arena, "snapshot-window-open", "not looked at", &signal, &err), CV_OK);
    assert_int_equal(signal.kind, SIGNAL_WINDOW_OPEN);
    assert_int_equal(read_one(arena, "my-own", "{", &signal, &err), CV_OK);
    assert_int_equal(signal.kind, SIGNAL_OTHER);
    cv_arena_free(arena);
}

static void
what_cannot_be_meant_is_refused_by_name(void **state)
{
    static const struct {
        const char *type;
        const char *data;
        const char *says;
    } rows[] = {
        { "execute-snapshot", "{", "no JSON" },
        { "execute-snapshot", "[]", "no JSON object" },
        { "execute-snapshot", "{}", "no data-collections" },
        { "execute-snapshot", NULL, "no data-collections" },
        { "execute-snapshot", "{\"data-collections\":\"a\"}", "no array" },
        { "execute-snapshot", "{\"data-collections\":[1]}", "no text" },
        { "execute-snapshot", "{\"type\":\"full\",\"data-collections\":[\"a\"]}", "neither INCREMENTAL nor BLOCKING" },
        { "execute-snapshot", "{\"data-collections\":[\"a\"],\"additional-conditions\":[{\"filter\":\"x\"}]}",
          "needs \"data-collection\"" },
        { "stop-snapshot", "{\"additional-conditions\":7}", "no array" },
    };
    struct cv_arena *arena = cv_arena_new(NULL);

    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        struct signal signal;
        struct cv_err err = CV_ERR_INIT;

        assert_int_equal(read_one(arena, rows[i].type, rows[i].data, &signal, &err), CV_INVALID);
        assert_non_null(strstr(err.text, "s1"));
        if (strstr(err.text, rows[i].says) == NULL)
            fail_msg("row %zu: \"%s\" does not say \"%s\"", i, err.text, rows[i].says);
    }
    cv_arena_free(arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_incremental_snapshot_is_what_execute_means_by_default),
        cmocka_unit_test(types_are_told_whatever_their_case),
        cmocka_unit_test(what_cannot_be_meant_is_refused_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
