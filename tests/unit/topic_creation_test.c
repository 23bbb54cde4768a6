/* SPDX-License-Identifier: Apache-2.0 */
/* worker/topic_creation.c: which group a topic falls into and what it is created with. The admin is a double. */
#include "worker/topic_creation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/helper/cmocka_all.h"

#include "common/kafka/admin.h"

/* What the double was asked for. */
static struct {
    char existing[32];
    int created;
    int requests; /* that make topics */
    int lists;
    int32_t partitions;
    int32_t replication;
    char cleanup[32];
} admin;

enum cv_rc
cv_admin_topic_partitions(struct cv_admin *unused, const char *topic, int timeout_ms, int32_t *ret, struct cv_err *err)
{
    (void)unused;
    assert_true(timeout_ms > 0);
    *ret = 1;
    return strcmp(topic, admin.existing) == 0 ? CV_OK : cv_fail(err, CV_NOT_FOUND, "no topic %s", topic);
}

/* Only the one that exists. */
enum cv_rc
cv_admin_topics(struct cv_admin *unused, int timeout_ms, char ***ret, size_t *ret_count, struct cv_err *err)
{
    (void)unused;
    (void)err;
    assert_true(timeout_ms > 0);
    *ret = calloc(2, sizeof(**ret));
    assert_non_null(*ret);
    (*ret)[0] = strdup(admin.existing);
    *ret_count = 1;
    admin.lists++;
    return CV_OK;
}

enum cv_rc
cv_admin_topics_create(struct cv_admin *unused, const struct cv_topic_spec *specs, size_t count, int timeout_ms,
                       bool *ret_created, struct cv_err *err)
{
    (void)unused;
    assert_true(timeout_ms > 0);
    admin.requests++;
    for (size_t i = 0; i < count; i++) {
        const char *cleanup = cv_config_get(specs[i].configs, "cleanup.policy");

        assert_null(cv_config_get(specs[i].configs, "partitions"));
        assert_null(cv_config_get(specs[i].configs, "include"));
        assert_string_not_equal(specs[i].name, admin.existing);
        if (strcmp(specs[i].name, "later") == 0)
            return cv_fail(err, CV_RETRY, "no broker for %s", specs[i].name);
        admin.created++;
        admin.partitions = specs[i].partitions;
        admin.replication = specs[i].replication;
        snprintf(admin.cleanup, sizeof(admin.cleanup), "%s", cleanup != NULL ? cleanup : "");
        ret_created[i] = strcmp(specs[i].name, "raced") != 0; /* somebody else was faster */
    }
    return CV_OK;
}

/* pairs: key, value, ... NULL */
static struct cv_config *
config(const char *const *pairs)
{
    struct cv_config *cfg = cv_config_new();
    struct cv_err err = CV_ERR_INIT;

    assert_non_null(cfg);
    for (; pairs[0] != NULL; pairs += 2)
        assert_int_equal(cv_config_set(cfg, pairs[0], pairs[1], &err), CV_OK);
    return cfg;
}

static enum cv_rc
make(const char *const *pairs, struct topic_creation **ret, struct cv_err *err)
{
    struct cv_config *cfg = config(pairs);
    enum cv_rc rc = topic_creation_new(cfg, ret, err);

    cv_config_free(cfg);
    return rc;
}

static void
expect(struct topic_creation *creation, const char *topic, int32_t partitions, int32_t replication,
       const char *cleanup)
{
    struct cv_err err = CV_ERR_INIT;
    bool created = false;
    int before = admin.created;

    assert_int_equal(topic_creation_ensure(creation, NULL, &topic, 1, &created, &err), CV_OK);
    assert_true(created);
    assert_int_equal(admin.created, before + 1);
    assert_int_equal(admin.partitions, partitions);
    assert_int_equal(admin.replication, replication);
    assert_string_equal(admin.cleanup, cleanup);
}

static void
without_settings_topics_are_the_brokers(void **state)
{
    const char *const pairs[] = { "name", "c", NULL };
    struct topic_creation *creation;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(make(pairs, &creation, &err), CV_OK);
    assert_null(creation);
}

static void
groups_are_tried_in_order_and_inherit_the_defaults_numbers(void **state)
{
    const char *const pairs[] = { "topic.creation.groups", "compact, logs",
                                  "topic.creation.default.partitions", "3",
                                  "topic.creation.default.replication.factor", "-1",
                                  "topic.creation.compact.include", "shop\\..*",
                                  "topic.creation.compact.exclude", "shop\\.log.*",
                                  "topic.creation.compact.cleanup.policy", "compact",
                                  "topic.creation.logs.include", ".*log.*",
                                  "topic.creation.logs.partitions", "7",
                                  "topic.creation.logs.replication.factor", "2",
                                  NULL };
    struct topic_creation *creation;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(make(pairs, &creation, &err), CV_OK);
    expect(creation, "shop.orders", 3, -1, "compact");
    expect(creation, "shop.log", 7, 2, "");
    expect(creation, "other", 3, -1, "");
    topic_creation_free(creation);
}

static void
a_topic_that_exists_is_left_alone(void **state)
{
    const char *const pairs[] = { "topic.creation.default.partitions", "1",
                                  "topic.creation.default.replication.factor", "1", NULL };
    struct topic_creation *creation;
    struct cv_err err = CV_ERR_INIT;
    const char *there = "there";
    bool created = true;
    int before = admin.created;

    (void)state;
    assert_int_equal(make(pairs, &creation, &err), CV_OK);
    snprintf(admin.existing, sizeof(admin.existing), "there");
    assert_int_equal(topic_creation_ensure(creation, NULL, &there, 1, &created, &err), CV_OK);
    admin.existing[0] = '\0';
    assert_false(created);
    assert_int_equal(admin.created, before);
    topic_creation_free(creation);
}

/* Many are looked for with one request and made with one for every hundred; each as its group says. */
static void
many_topics_are_made_together(void **state)
{
    const char *const pairs[] = { "topic.creation.default.partitions", "1",
                                  "topic.creation.default.replication.factor", "1",
                                  "topic.creation.groups", "big",
                                  "topic.creation.big.include", "t249",
                                  "topic.creation.big.partitions", "9", NULL };
    struct topic_creation *creation;
    struct cv_err err = CV_ERR_INIT;
    static char texts[250][8];
    const char *names[250];
    bool created[250] = { false };
    int before = admin.created, requests = admin.requests, lists = admin.lists;

    (void)state;
    for (size_t i = 0; i < CV_COUNT(names); i++) {
        snprintf(texts[i], sizeof(texts[i]), "t%zu", i);
        names[i] = texts[i];
    }
    snprintf(texts[7], sizeof(texts[7]), "raced");
    snprintf(admin.existing, sizeof(admin.existing), "t120");
    assert_int_equal(make(pairs, &creation, &err), CV_OK);
    assert_int_equal(topic_creation_ensure(creation, NULL, names, CV_COUNT(names), created, &err), CV_OK);
    for (size_t i = 0; i < CV_COUNT(names); i++)
        assert_int_equal(created[i], i != 7 && i != 120);
    assert_int_equal(admin.created - before, 249);
    assert_int_equal(admin.requests - requests, 3);
    assert_int_equal(admin.lists - lists, 1);
    assert_int_equal(admin.partitions, 9);
    names[3] = "later";
    assert_int_equal(topic_creation_ensure(creation, NULL, names, CV_COUNT(names), created, &err), CV_RETRY);
    assert_string_equal(err.text, "no broker for later");
    admin.existing[0] = '\0';
    topic_creation_free(creation);
}

static void
wrong_settings_are_named(void **state)
{
    static const struct {
        const char *pairs[7];
        const char *text;
    } rows[] = {
        { { "topic.creation.default.partitions", "1" },
          "topic.creation.default.replication.factor is missing; set it (-1 is the broker's default)" },
        { { "topic.creation.default.partitions", "0", "topic.creation.default.replication.factor", "1" },
          "topic.creation.default.partitions: \"0\" is neither a positive number nor -1" },
        { { "topic.creation.default.partitions", "1x", "topic.creation.default.replication.factor", "1" },
          "topic.creation.default.partitions: \"1x\" is neither a positive number nor -1" },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        struct topic_creation *creation = NULL;
        struct cv_err err = CV_ERR_INIT;

        assert_int_equal(make(rows[i].pairs, &creation, &err), CV_INVALID);
        assert_string_equal(err.text, rows[i].text);
        assert_null(creation);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_settings_topics_are_the_brokers),
        cmocka_unit_test(groups_are_tried_in_order_and_inherit_the_defaults_numbers),
        cmocka_unit_test(a_topic_that_exists_is_left_alone),
        cmocka_unit_test(many_topics_are_made_together),
        cmocka_unit_test(wrong_settings_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
