/* SPDX-License-Identifier: Apache-2.0 */
/* data/value.c: structs, maps, arrays, copies and equality. */
#include <culvert/value.h>

#include "tests/helper/cmocka_all.h"

#include <math.h>
#include <stdio.h>

#include "common/arena.h"

static int
arena_up(void **state)
{
    *state = cv_arena_new(NULL);
    return *state != NULL ? 0 : -1;
}

static int
arena_down(void **state)
{
    cv_arena_free(*state);
    return 0;
}

static void
map_grows_and_put_replaces(void **state)
{
    struct cv_value *map = cv_map_new(*state, 1);
    struct cv_err err = CV_ERR_INIT;
    char key[8];

    for (int i = 0; i < 40; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        assert_int_equal(cv_map_put(*state, map, key, cv_int(CV_INT64, i), &err), CV_OK);
    }
    assert_int_equal(cv_map_put(*state, map, "k7", cv_boolean(true), &err), CV_OK);
    assert_int_equal(map->map.count, 40);
    assert_int_equal(cv_map_get(map, "k39")->integer, 39);
    assert_int_equal(cv_map_get(map, "k7")->type, CV_BOOLEAN);
    assert_memory_equal(map->map.entries[7].key.bytes.data, "k7", 2);
    assert_null(cv_map_get(map, "k40"));
}

static void
adding_to_borrowed_items_copies_them(void **state)
{
    struct cv_value items[2] = { cv_int(CV_INT32, 1), cv_int(CV_INT32, 2) };
    struct cv_value array = { .type = CV_ARRAY, .list = { .items = items, .count = 2 } };
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(cv_array_add(*state, &array, cv_int(CV_INT32, 3), &err), CV_OK);
    assert_ptr_not_equal(array.list.items, items);
    assert_int_equal(array.list.count, 3);
    assert_int_equal(array.list.items[0].integer, 1);
    assert_int_equal(array.list.items[2].integer, 3);
}

static struct cv_schema *
point_schema(void)
{
    struct cv_schema_builder *b = cv_schema_new(CV_STRUCT);
    struct cv_schema *schema = NULL;
    struct cv_err err = CV_ERR_INIT;

    cv_schema_add_field(b, "x", cv_schema_plain(CV_INT32, false));
    cv_schema_add_field(b, "label", cv_schema_plain(CV_STRING, true));
    assert_int_equal(cv_schema_finish(b, &schema, &err), CV_OK);
    return schema;
}

static void
new_struct_has_a_null_of_each_fields_type(void **state)
{
    struct cv_schema *schema = point_schema();
    struct cv_value *val = cv_struct_new(*state, schema);

    assert_int_equal(val->list.count, 2);
    assert_true(cv_struct_at(val, 0)->is_null);
    assert_int_equal(cv_struct_at(val, 0)->type, CV_INT32);
    assert_ptr_equal(cv_struct_get(val, "label"), cv_struct_at(val, 1));
    assert_null(cv_struct_get(val, "y"));
    cv_schema_unref(schema);
}

static void
copy_is_deep_and_equal(void **state)
{
    struct cv_schema *schema = point_schema();
    struct cv_value *val = cv_struct_new(*state, schema);
    struct cv_value *map = cv_map_new(*state, 0);
    struct cv_err err = CV_ERR_INIT;
    char label[] = "corner";
    struct cv_value *copy;

    *cv_struct_at(val, 0) = cv_int(CV_INT32, -4);
    *cv_struct_at(val, 1) = cv_string(label, 6);
    assert_int_equal(cv_map_put(*state, map, "point", *val, &err), CV_OK);
    assert_int_equal(cv_map_put(*state, map, "empty", cv_binary(NULL, 0), &err), CV_OK);
    assert_int_equal(cv_map_put(*state, map, "none", cv_null(NULL), &err), CV_OK);
    copy = cv_value_copy(*state, map);
    assert_true(cv_value_equal(map, copy));
    memset(label, 'x', 6);
    assert_memory_equal(cv_map_get(copy, "point")->list.items[1].bytes.data, "corner", 7);
    assert_ptr_equal(cv_map_get(copy, "point")->schema, schema);
    assert_false(cv_value_equal(map, copy));
    assert_int_equal(cv_map_put(*state, copy, "more", cv_boolean(false), &err), CV_OK);
    assert_int_equal(copy->map.count, 4);
    cv_schema_unref(schema);
}

static void
maps_are_equal_in_any_order(void **state)
{
    struct cv_value *a = cv_map_new(*state, 2), *b = cv_map_new(*state, 2);
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(cv_map_put(*state, a, "x", cv_int(CV_INT64, 1), &err), CV_OK);
    assert_int_equal(cv_map_put(*state, a, "y", cv_cstring("z"), &err), CV_OK);
    assert_int_equal(cv_map_put(*state, b, "y", cv_cstring("z"), &err), CV_OK);
    assert_int_equal(cv_map_put(*state, b, "x", cv_int(CV_INT64, 1), &err), CV_OK);
    assert_true(cv_value_equal(a, b));
    assert_int_equal(cv_map_put(*state, b, "x", cv_int(CV_INT32, 1), &err), CV_OK);
    assert_false(cv_value_equal(a, b));
}

static void
floats_are_equal_as_boxed_java_values_are(void **state)
{
    struct cv_value nan = cv_float64(NAN), zero = cv_float64(0.0), minus = cv_float64(-0.0);

    (void)state;
    assert_true(cv_value_equal(&nan, &nan));
    assert_false(cv_value_equal(&zero, &minus));
    assert_false(cv_value_equal(&zero, &nan));
}

static void
nulls_are_equal_whatever_their_type(void **state)
{
    struct cv_value a = cv_null(cv_schema_plain(CV_INT32, true)), b = cv_null(NULL);
    struct cv_value zero = cv_int(CV_INT32, 0);

    (void)state;
    assert_int_equal(a.type, CV_INT32);
    assert_int_equal(b.type, CV_STRING);
    assert_true(cv_value_equal(&a, &b));
    assert_false(cv_value_equal(&a, &zero));
}

static void
held_schema_lives_as_long_as_the_arena(void **state)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_schema *schema = point_schema();
    struct cv_err err = CV_ERR_INIT;
    struct cv_value *val = cv_struct_new(arena, schema);

    (void)state;
    assert_int_equal(cv_schema_hold(arena, schema, &err), CV_OK);
    cv_schema_unref(schema);
    assert_string_equal(val->schema->fields[1].name, "label"); /* the sanitizers look at this */
    cv_arena_free(arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(map_grows_and_put_replaces, arena_up, arena_down),
        cmocka_unit_test_setup_teardown(adding_to_borrowed_items_copies_them, arena_up, arena_down),
        cmocka_unit_test_setup_teardown(new_struct_has_a_null_of_each_fields_type, arena_up, arena_down),
        cmocka_unit_test_setup_teardown(copy_is_deep_and_equal, arena_up, arena_down),
        cmocka_unit_test_setup_teardown(maps_are_equal_in_any_order, arena_up, arena_down),
        cmocka_unit_test(held_schema_lives_as_long_as_the_arena),
        cmocka_unit_test(floats_are_equal_as_boxed_java_values_are),
        cmocka_unit_test(nulls_are_equal_whatever_their_type),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
