/* SPDX-License-Identifier: Apache-2.0 */
/* transforms/regex_router.c and predicates.c, through the plugin interface. */
#include "transforms/transforms.h"

#include "tests/helper/cmocka_all.h"

#include "common/arena.h"

static struct cv_config *
options(const char *const *pairs)
{
    struct cv_config *cfg = cv_config_new();
    struct cv_err err = CV_ERR_INIT;

    for (; pairs[0] != NULL; pairs += 2)
        assert_int_equal(cv_config_set(cfg, pairs[0], pairs[1], &err), CV_OK);
    return cfg;
}

#define OPTIONS(...) options((const char *const[]){ __VA_ARGS__, NULL })

static void
check_route(const char *regex, const char *replacement, const char *topic, const char *expected)
{
    struct cv_config *cfg = OPTIONS("regex", regex, "replacement", replacement);
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_record rec = { .topic = topic, .offset = 7 };
    struct cv_transform *xf = NULL;
    struct cv_err err = CV_ERR_INIT;
    bool keep = false;

    if (regex_router_plugin.transform->configure(&regex_router_plugin, cfg, &xf, &err) != CV_OK)
        fail_msg("%s", err.text);
    assert_ptr_equal(xf->plugin, &regex_router_plugin);
    assert_int_equal(regex_router_plugin.transform->apply(xf, arena, &rec, &keep, &err), CV_OK);
    assert_true(keep);
    assert_string_equal(rec.topic, expected);
    assert_int_equal(rec.offset, 7);
    regex_router_plugin.transform->free(xf);
    cv_arena_free(arena);
    cv_config_free(cfg);
}

static void
whole_topics_are_renamed_by_their_groups(void **state)
{
    (void)state;
    check_route("([^.]+)\\.([^.]+)\\.([^.]+)", "$3", "shop.public.orders", "orders");
    check_route("(.*)", "prod-$1-$1", "orders", "prod-orders-orders");
    check_route("(?<server>\\w+)\\.(?<table>\\w+)", "${table}.${server}", "a.b", "b.a");
    check_route("orders", "\\$1", "orders", "$1");
    check_route("orders", "x", "orders", "x");
}

static void
topics_that_match_in_part_stay(void **state)
{
    (void)state;
    check_route("order", "x", "orders", "orders");
    check_route("orders|o", "x", "orders2", "orders2");
}

static void
router_looks_at_topics_only(void **state)
{
    (void)state;
    assert_true(regex_router_plugin.transform->topic_only);
}

static void
bad_router_options_are_refused(void **state)
{
    struct cv_config *cfg = OPTIONS("regex", "(", "replacement", "x");
    struct cv_config_errors errors = { .items = NULL };
    struct cv_transform *xf = NULL;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(regex_router_plugin.transform->configure(&regex_router_plugin, cfg, &xf, &err), CV_INVALID);
    assert_string_equal(err.text,
                        "Invalid value ( for configuration regex: Invalid regex: Unclosed group near index 1 (");
    /* the list of errors, which REST shows, keeps Java's line breaks */
    assert_int_equal(cv_config_parse(regex_router_plugin.config, cfg, NULL, &errors, &err), CV_INVALID);
    assert_int_equal(errors.count, 1);
    assert_string_equal(errors.items[0].text,
                        "Invalid value ( for configuration regex: Invalid regex: Unclosed group near index 1\n(");
    cv_config_errors_done(&errors);
    cv_config_free(cfg);
    cfg = OPTIONS("regex", "(a)", "replacement", "$2");
    assert_int_equal(regex_router_plugin.transform->configure(&regex_router_plugin, cfg, &xf, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "group"));
    assert_null(xf);
    cv_config_free(cfg);
}

static bool
holds(const struct cv_plugin *plugin, struct cv_config *take_cfg, const struct cv_record *rec)
{
    struct cv_predicate *pred = NULL;
    struct cv_err err = CV_ERR_INIT;
    bool answer;

    if (plugin->predicate->configure(plugin, take_cfg, &pred, &err) != CV_OK)
        fail_msg("%s", err.text);
    answer = plugin->predicate->test(pred, rec);
    plugin->predicate->free(pred);
    cv_config_free(take_cfg);
    return answer;
}

static void
topic_name_matches_the_whole_name(void **state)
{
    const struct cv_record rec = { .topic = "orders-eu" };

    (void)state;
    assert_true(holds(&topic_name_matches_plugin, OPTIONS("pattern", "orders-.*"), &rec));
    assert_false(holds(&topic_name_matches_plugin, OPTIONS("pattern", "orders"), &rec));
    assert_true(topic_name_matches_plugin.predicate->topic_only);
}

static void
tombstone_is_a_record_without_value(void **state)
{
    struct cv_record rec = { .topic = "t", .value = cv_null(NULL) };

    (void)state;
    assert_true(holds(&record_is_tombstone_plugin, OPTIONS(NULL), &rec));
    rec.value = cv_null(cv_schema_plain(CV_STRING, true));
    assert_true(holds(&record_is_tombstone_plugin, OPTIONS(NULL), &rec));
    rec.value = cv_cstring("");
    assert_false(holds(&record_is_tombstone_plugin, OPTIONS(NULL), &rec));
}

static void
header_key_is_found_by_its_exact_name(void **state)
{
    struct cv_header items[] = { { .name = "a" }, { .name = "trace-id" } };
    const struct cv_record rec = { .topic = "t", .headers = { .items = items, .count = 2 } };

    (void)state;
    assert_true(holds(&has_header_key_plugin, OPTIONS("name", "trace-id"), &rec));
    assert_false(holds(&has_header_key_plugin, OPTIONS("name", "Trace-Id"), &rec));
}

static void
bad_predicate_options_are_refused(void **state)
{
    struct cv_config *cfg = OPTIONS("pattern", "");
    struct cv_predicate *pred = NULL;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(topic_name_matches_plugin.predicate->configure(&topic_name_matches_plugin, cfg, &pred, &err),
                     CV_INVALID);
    assert_string_equal(err.text, "Invalid value  for configuration pattern: String must be non-empty");
    cv_config_free(cfg);
    cfg = OPTIONS("other", "x");
    assert_int_equal(has_header_key_plugin.predicate->configure(&has_header_key_plugin, cfg, &pred, &err),
                     CV_INVALID);
    assert_string_equal(err.text, "Missing required configuration \"name\" which has no default value.");
    assert_null(pred);
    cv_config_free(cfg);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_topics_are_renamed_by_their_groups),
        cmocka_unit_test(topics_that_match_in_part_stay),
        cmocka_unit_test(router_looks_at_topics_only),
        cmocka_unit_test(bad_router_options_are_refused),
        cmocka_unit_test(topic_name_matches_the_whole_name),
        cmocka_unit_test(tombstone_is_a_record_without_value),
        cmocka_unit_test(header_key_is_found_by_its_exact_name),
        cmocka_unit_test(bad_predicate_options_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
