/* SPDX-License-Identifier: Apache-2.0 */
/* EncryptField and DecryptField: what goes in comes out, and nothing of it is to be seen in between. */
#include "transforms/transforms.h"

#include "tests/helper/cmocka_all.h"

#include "common/arena.h"
#include "common/buf.h"
#include "tests/helper/transform_case.h"

#define KEY "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define OLD "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

#define ENCRYPT(rest) "{\"key.id\":\"k1\",\"key\":\"" KEY "\"," rest "}"
#define DECRYPT(rest) "{\"keys\":\"k0:" OLD ", k1:" KEY "\"," rest "}"

struct fixture {
    struct cv_converter *json;
    struct cv_arena *arena;
    struct cv_buf out;
};

static int
set_up(void **state)
{
    static struct fixture f;

    f.json = case_json_converter();
    f.arena = cv_arena_new(NULL);
    cv_buf_init(&f.out, 1 << 20);
    *state = &f;
    return 0;
}

static int
tear_down(void **state)
{
    struct fixture *f = *state;

    f->json->plugin->converter->free(f->json);
    cv_arena_free(f->arena);
    cv_buf_free(&f->out);
    return 0;
}

static struct cv_transform *
configure(struct fixture *f, const struct cv_plugin *plugin, const char *options, struct cv_err *err)
{
    struct cv_config *cfg = case_options(f->arena, options);
    struct cv_transform *xf = NULL;

    if (plugin->transform->configure(plugin, cfg, &xf, err) != CV_OK)
        assert_null(xf);
    cv_config_free(cfg);
    return xf;
}

/* The value's text after the transform, or ! and an error; good until the next call. The value is left in *inout. */
static const char *
apply(struct fixture *f, const struct cv_plugin *plugin, const char *options, struct cv_value *inout)
{
    struct cv_record rec = { .topic = "t", .partition = CV_NO_PARTITION, .timestamp_ms = CV_NO_TIMESTAMP };
    struct cv_err err = CV_ERR_INIT;
    struct cv_transform *xf = configure(f, plugin, options, &err);
    bool keep = false;

    cv_buf_reset(&f->out);
    if (xf == NULL) {
        cv_buf_printf(&f->out, "!%s", err.text);
        return cv_buf_cstr(&f->out);
    }
    rec.value = rec.key = *inout;
    if (xf->plugin->transform->apply(xf, f->arena, &rec, &keep, &err) != CV_OK) {
        cv_buf_printf(&f->out, "!%s", err.text);
    } else {
        assert_true(keep);
        *inout = rec.value;
        case_write(f->json, inout, "-", &f->out);
    }
    xf->plugin->transform->free(xf);
    return cv_buf_cstr(&f->out);
}

static struct cv_value
value_of(struct fixture *f, const char *text)
{
    return case_value(f->json, f->arena, text, strlen(text));
}

#define FIELD(type, name) "{\"type\":\"" type "\",\"optional\":true,\"field\":\"" name "\"}"
#define ROW                                                                                                \
    "{\"type\":\"struct\",\"fields\":[{\"type\":\"int64\",\"optional\":false,\"field\":\"id\"}," FIELD("string", "email") "," \
    "{\"type\":\"bytes\",\"optional\":true,\"name\":\"org.apache.kafka.connect.data.Decimal\",\"version\":1,"       \
    "\"parameters\":{\"scale\":\"2\",\"connect.decimal.precision\":\"5\"},\"field\":\"pay\"}," FIELD("double", "f")     \
    "," FIELD("float", "g") "," FIELD("boolean", "b") "," FIELD("int16", "n")                              \
    ",{\"type\":\"struct\",\"fields\":[" FIELD("string", "street") "],\"optional\":true,\"field\":\"home\"}],"        \
    "\"optional\":true,\"name\":\"t.Value\"}"
#define PAYLOAD                                                                                            \
    "{\"id\":7,\"email\":\"canary@example.com\",\"pay\":\"Cfo=\",\"f\":1.5,\"g\":0.1,\"b\":true,\"n\":-3,"            \
    "\"home\":{\"street\":\"canary street\"}}"
#define FIELDS "\"fields\":\"email,pay,f,g,b,n,home.street\""

static const char plain[] = "{\"schema\":" ROW ",\"payload\":" PAYLOAD "}";

static void
everything_comes_back_and_nothing_shows(void **state)
{
    static const char *const modes[] = { "random", "deterministic" };
    struct fixture *f = *state;

    for (size_t i = 0; i < CV_COUNT(modes); i++) {
        struct cv_value val = value_of(f, plain);
        struct cv_buf options = CV_BUF_INIT(1000);
        const char *text;

        cv_buf_printf(&options, ENCRYPT(FIELDS ",\"mode\":\"%s\""), modes[i]);
        text = apply(f, &encrypt_field_plugins[1], cv_buf_cstr(&options), &val);
        assert_null(strstr(text, "canary"));
        assert_null(strstr(text, "Cfo="));
        assert_non_null(strstr(text, "\"payload\":{\"id\":7,\"email\":\"cve1."));
        assert_non_null(strstr(text,
                               "{\"type\":\"string\",\"optional\":true,\"name\":\"io.culvert.Encrypted\",\"version\":1,"
                                     "\"parameters\":{\"type\":\"bytes\",\"name\":\"org.apache.kafka.connect.data.Decimal\","
                                     "\"version\":\"1\",\"parameter.scale\":\"2\",\"parameter.connect.decimal.precision\":"
                                     "\"5\"},\"field\":\"pay\"}"));
        assert_string_equal(apply(f, &decrypt_field_plugins[1], DECRYPT(FIELDS), &val), plain);
        cv_buf_free(&options);
    }
}

static void
both_rows_of_a_change_event_are_meant(void **state)
{
    static const char event[] = "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"struct\",\"fields\":["
                                FIELD("string", "a") "],\"optional\":true,\"field\":\"before\"},{\"type\":\"struct\","
                                "\"fields\":[" FIELD("string", "a") "],\"optional\":true,\"field\":\"after\"},"
                                "{\"type\":\"string\",\"optional\":false,\"field\":\"op\"}],\"optional\":false,"
                                "\"name\":\"t.Envelope\",\"version\":2},\"payload\":{\"before\":{\"a\":\"canary\"},"
                                "\"after\":{\"a\":null},\"op\":\"u\"}}";
    struct fixture *f = *state;
    struct cv_value val = value_of(f, event);
    const char *text = apply(f, &encrypt_field_plugins[1], ENCRYPT("\"fields\":\"a\""), &val);

    assert_null(strstr(text, "canary"));
    assert_non_null(strstr(text, "\"payload\":{\"before\":{\"a\":\"cve1.r.k1."));
    assert_non_null(strstr(text, "\"after\":{\"a\":null},\"op\":\"u\"}"));
    assert_string_equal(apply(f, &decrypt_field_plugins[1], DECRYPT("\"fields\":\"a\""), &val), event);
}

static void
maps_without_schema_are_served(void **state)
{
    static const char map[] = "{\"schema\":null,\"payload\":{\"a\":\"canary\",\"f\":1.5,\"n\":42,\"o\":{\"x\":true}}}";
    struct fixture *f = *state;
    struct cv_value val = value_of(f, map);
    const char *text = apply(f, &encrypt_field_plugins[1], ENCRYPT("\"fields\":\"a,n,o.x,f\""), &val);

    assert_null(strstr(text, "canary"));
    assert_null(strstr(text, "42,"));
    assert_non_null(strstr(text, "\"x\":\"cve1."));
    assert_string_equal(apply(f, &decrypt_field_plugins[1], DECRYPT("\"fields\":\"a,n,o.x,f\""), &val), map);
}

static void
keys_are_deterministic_or_refused(void **state)
{
    struct fixture *f = *state;
    struct cv_value val = value_of(f, plain);

    assert_string_equal(apply(f, &encrypt_field_plugins[0], ENCRYPT("\"fields\":\"id\""), &val),
                        "!mode=random would give every record another key, which ends order and compaction: set "
                        "mode=deterministic for keys");
}

static void
failures_say_what_to_do_and_nothing_of_the_data(void **state)
{
    static const struct {
        const struct cv_plugin *plugin;
        const char *options;
        const char *value;
        const char *text;
    } cases[] = {
        { &encrypt_field_plugins[1], ENCRYPT("\"fields\":\"emial\""), plain,
          "!\"t.Value\" has no field \"emial\", which is to be protected (missing.fields=ignore lets such records "
          "pass)" },
        { &encrypt_field_plugins[1], ENCRYPT("\"fields\":\"emial\",\"missing.fields\":\"ignore\""), plain, plain },
        { &encrypt_field_plugins[1], ENCRYPT("\"fields\":\"home\""), plain,
          "!field \"home\" is a STRUCT: only scalars can be encrypted" },
        { &encrypt_field_plugins[1], "{\"key.id\":\"k\",\"key\":\"hunter2\",\"fields\":\"a\"}", plain,
          "!the key must be 32 bytes in base64 (44 characters) or hexadecimal (64 digits), as \"openssl rand -base64 "
          "32\" prints" },
        { &decrypt_field_plugins[1], DECRYPT("\"fields\":\"email\""), plain,
          "!field \"email\": it is not encrypted (plaintext.allowed=true lets such values pass)" },
        { &decrypt_field_plugins[1], DECRYPT("\"fields\":\"email,n\",\"plaintext.allowed\":\"true\""), plain, plain },
        { &decrypt_field_plugins[1], DECRYPT("\"fields\":\"n\""), plain,
          "!field \"n\": it is a int16, no encrypted text" },
        { &decrypt_field_plugins[1], DECRYPT("\"fields\":\"a\""),
          "{\"schema\":null,\"payload\":{\"a\":\"cve1.r.k9.AAAA\"}}",
          "!field \"a\": it is encrypted with key \"k9\", which is not among keys" },
        { &decrypt_field_plugins[1], DECRYPT("\"fields\":\"a\""),
          "{\"schema\":null,\"payload\":{\"a\":\"cve1.r.k1.AAAA\"}}",
          "!field \"a\": an encrypted text is damaged or cut" },
        { &decrypt_field_plugins[1], "{\"keys\":\"k1\",\"fields\":\"a\"}", plain,
          "!keys: write id:key, with commas between several; an id has up to 32 characters, a key 44 or 64" },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        struct cv_value val = value_of(f, cases[i].value);

        assert_string_equal(apply(f, cases[i].plugin, cases[i].options, &val), cases[i].text);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(everything_comes_back_and_nothing_shows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(both_rows_of_a_change_event_are_meant, set_up, tear_down),
        cmocka_unit_test_setup_teardown(maps_without_schema_are_served, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keys_are_deterministic_or_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(failures_say_what_to_do_and_nothing_of_the_data, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
