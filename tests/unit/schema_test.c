/* SPDX-License-Identifier: Apache-2.0 */
/* data/schema.c: building, sharing and comparing schemas. */
#include <culvert/schema.h>

#include "tests/helper/cmocka_all.h"

#include <culvert/value.h>

static const struct cv_schema *
plain(enum cv_type type)
{
    return cv_schema_plain(type, false);
}

/* An order: id int64, note optional string, both unless they are left out. */
static struct cv_schema *
order_schema(const char *name, const struct cv_schema *id)
{
    struct cv_schema_builder *b = cv_schema_new(CV_STRUCT);
    struct cv_err err = CV_ERR_INIT;
    struct cv_schema *schema = NULL;

    cv_schema_set_name(b, name);
    cv_schema_set_version(b, 3);
    cv_schema_set_doc(b, "an order");
    cv_schema_add_param(b, "a", "1");
    cv_schema_add_param(b, "b", "2");
    cv_schema_add_field(b, "id", id);
    cv_schema_add_field(b, "note", cv_schema_plain(CV_STRING, true));
    assert_int_equal(cv_schema_finish(b, &schema, &err), CV_OK);
    return schema;
}

static void
finished_schema_has_all_that_was_set(void **state)
{
    struct cv_schema *s = order_schema("shop.Order", plain(CV_INT64));

    (void)state;
    assert_int_equal(s->type, CV_STRUCT);
    assert_false(s->optional);
    assert_string_equal(s->name, "shop.Order");
    assert_true(s->has_version);
    assert_int_equal(s->version, 3);
    assert_string_equal(s->doc, "an order");
    assert_string_equal(cv_schema_param(s, "b"), "2");
    assert_null(cv_schema_param(s, "c"));
    assert_int_equal(s->n_fields, 2);
    assert_string_equal(s->fields[1].name, "note");
    assert_int_equal(cv_schema_field(s, "note")->index, 1);
    assert_true(cv_schema_field(s, "note")->schema->optional);
    assert_null(cv_schema_field(s, "nope"));
    cv_schema_unref(s);
}

static void
equal_schemas_are_equal_whatever_the_order_of_parameters(void **state)
{
    struct cv_schema *a = order_schema("o", plain(CV_INT64));
    struct cv_schema *b = order_schema("o", plain(CV_INT64));
    struct cv_schema_builder *builder = cv_schema_new(CV_INT32);
    struct cv_schema *p = NULL, *q = NULL;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_true(cv_schema_equal(a, b));
    cv_schema_add_param(builder, "x", "1");
    cv_schema_add_param(builder, "y", "2");
    assert_int_equal(cv_schema_finish(builder, &p, &err), CV_OK);
    builder = cv_schema_new(CV_INT32);
    cv_schema_add_param(builder, "y", "2");
    cv_schema_add_param(builder, "x", "1");
    assert_int_equal(cv_schema_finish(builder, &q, &err), CV_OK);
    assert_true(cv_schema_equal(p, q));
    assert_false(cv_schema_equal(p, plain(CV_INT32)));
    cv_schema_unref(a);
    cv_schema_unref(b);
    cv_schema_unref(p);
    cv_schema_unref(q);
}

static void
schemas_that_differ_in_one_attribute_are_not_equal(void **state)
{
    struct cv_schema *a = order_schema("o", plain(CV_INT64));
    struct cv_schema *b = order_schema("p", plain(CV_INT64));
    struct cv_schema *c = order_schema("o", plain(CV_INT32));
    struct cv_schema *d = order_schema("o", cv_schema_plain(CV_INT64, true));

    (void)state;
    assert_false(cv_schema_equal(a, b));
    assert_false(cv_schema_equal(a, c));
    assert_false(cv_schema_equal(a, d));
    assert_false(cv_schema_equal(a, NULL));
    assert_true(cv_schema_equal(NULL, NULL));
    cv_schema_unref(a);
    cv_schema_unref(b);
    cv_schema_unref(c);
    cv_schema_unref(d);
}

static void
default_value_outlives_what_it_was_made_from(void **state)
{
    struct cv_schema_builder *b = cv_schema_new(CV_ARRAY);
    char text[] = "red";
    struct cv_value items[2] = { cv_string(text, 3), cv_null(NULL) };
    struct cv_value def = { .type = CV_ARRAY, .list = { .items = items, .count = 2 } };
    struct cv_schema *s = NULL;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    cv_schema_set_default(b, &def);
    cv_schema_set_items(b, cv_schema_plain(CV_STRING, true));
    assert_int_equal(cv_schema_finish(b, &s, &err), CV_OK);
    memset(text, 'x', 3);
    memset(items, 0, sizeof(items));
    assert_int_equal(s->def->list.count, 2);
    assert_ptr_equal(s->def->schema, s);
    assert_ptr_equal(s->def->list.items[0].schema, s->items);
    assert_memory_equal(s->def->list.items[0].bytes.data, "red", 3);
    assert_true(s->def->list.items[1].is_null);
    cv_schema_unref(s);
}

static void
misuse_is_reported_by_finish(void **state)
{
    struct cv_schema_builder *b = cv_schema_new(CV_STRUCT);
    struct cv_value def = cv_cstring("x");
    struct cv_schema *untouched = (struct cv_schema *)(void *)&def;
    struct cv_schema *s = untouched;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    cv_schema_add_field(b, "id", plain(CV_INT64));
    cv_schema_add_field(b, "id", plain(CV_INT32));
    assert_int_equal(cv_schema_finish(b, &s, &err), CV_INVALID);
    assert_string_equal(err.text, "cannot create field because of field name duplication id");

    assert_int_equal(cv_schema_finish(cv_schema_new(CV_ARRAY), &s, &err), CV_INVALID);
    assert_string_equal(err.text, "array schema has no element schema");

    b = cv_schema_new(CV_INT32);
    cv_schema_set_default(b, &def);
    assert_int_equal(cv_schema_finish(b, &s, &err), CV_INVALID);
    assert_string_equal(err.text, "invalid default value: its type is string, not the schema's");

    b = cv_schema_new(CV_INT32);
    cv_schema_add_field(b, "id", plain(CV_INT64));
    assert_int_equal(cv_schema_finish(b, &s, &err), CV_INVALID);
    assert_string_equal(err.text, "a schema of type int32 cannot have fields");
    assert_ptr_equal(s, untouched);
}

static void
field_schema_stays_alive_with_its_struct(void **state)
{
    struct cv_schema *inner = order_schema("inner", plain(CV_INT64));
    struct cv_schema *outer = order_schema("outer", inner);

    (void)state;
    cv_schema_unref(inner);
    assert_string_equal(outer->fields[0].schema->name, "inner");
    cv_schema_unref(outer);
}

static void
plain_schemas_are_shared_and_not_counted(void **state)
{
    const struct cv_schema *s = cv_schema_plain(CV_BYTES, true);

    (void)state;
    assert_ptr_equal(s, cv_schema_plain(CV_BYTES, true));
    assert_int_equal(s->type, CV_BYTES);
    assert_true(s->optional);
    cv_schema_unref(s);
    cv_schema_unref(s);
    assert_ptr_equal(cv_schema_ref(s), s);
    cv_schema_unref(NULL);
}

static void
type_names_are_those_of_json_converter(void **state)
{
    (void)state;
    assert_string_equal(cv_type_name(CV_INT8), "int8");
    assert_string_equal(cv_type_name(CV_FLOAT32), "float");
    assert_string_equal(cv_type_name(CV_FLOAT64), "double");
    assert_string_equal(cv_type_name(CV_STRUCT), "struct");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finished_schema_has_all_that_was_set),
        cmocka_unit_test(equal_schemas_are_equal_whatever_the_order_of_parameters),
        cmocka_unit_test(schemas_that_differ_in_one_attribute_are_not_equal),
        cmocka_unit_test(default_value_outlives_what_it_was_made_from),
        cmocka_unit_test(misuse_is_reported_by_finish),
        cmocka_unit_test(field_schema_stays_alive_with_its_struct),
        cmocka_unit_test(plain_schemas_are_shared_and_not_counted),
        cmocka_unit_test(type_names_are_those_of_json_converter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
