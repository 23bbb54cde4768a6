/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the body of every request that has one. Beyond not crashing: a refusal says why, in
 * UTF-8; what is accepted as a configuration is the same one when it is written and read again;
 * what is refused as a body of one kind leaves its outputs alone.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "common/utf8.h"
#include "rest/body.h"
#include "rest/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
    if (!holds)
        abort();
}

/* A refusal has a reason that can be put into an answer. */
static void
check_why(enum cv_rc rc, struct cv_buf *why)
{
    must(rc == CV_OK || rc == CV_INVALID);
    must((rc == CV_INVALID) == (why->len > 0));
    must(cv_utf8_check(cv_buf_cstr(why), why->len) == why->len || why->failed != CV_OK);
    cv_buf_reset(why);
}

/* Written and read again it is the same; keys and values are whole (no NUL cut them). */
static void
check_config(const struct cv_config *config)
{
    struct cv_buf text = CV_BUF_INIT((size_t)16 << 20);
    struct cv_json_writer w = cv_json_writer_of(&text);
    struct cv_buf why = CV_BUF_INIT(REST_WHY_MAX);
    struct cv_config *again = NULL;

    rest_json_config(&w, config);
    must(rest_read_config(cv_buf_cstr(&text), text.len, &again, &why) == CV_OK);
    must(again != NULL && cv_config_equal(config, again));
    cv_config_free(again);
    cv_buf_free(&why);
    cv_buf_free(&text);
}

static void
try_create(const char *body, size_t len, struct cv_buf *why)
{
    struct rest_create create = { 0 };
    bool null = false;
    enum cv_rc rc = rest_read_create(body, len, &create, &null, why);

    check_why(rc, why);
    if (rc != CV_OK || null)
        must(create.name == NULL && create.config == NULL && !create.has_state);
    if (create.config != NULL)
        check_config(create.config);
    rest_create_done(&create);
}

static void
try_configs(const char *body, size_t len, struct cv_buf *why)
{
    struct cv_config **configs = NULL;
    size_t count = 0;

    check_why(rest_read_configs(body, len, &configs, &count, why), why);
    for (size_t i = 0; i < count; i++) {
        check_config(configs[i]);
        cv_config_free(configs[i]);
    }
    free(configs);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *body = (const char *)data;
    struct cv_buf why = CV_BUF_INIT(REST_WHY_MAX);
    struct cv_config *config = NULL;
    const char *json = body;
    size_t len = 0, count = 0;
    bool null = false;
    int code = 0;

    try_create(body, size, &why);
    try_configs(body, size, &why);
    check_why(rest_read_config(body, size, &config, &why), &why);
    if (config != NULL)
        check_config(config);
    cv_config_free(config);
    check_why(rest_read_offsets(body, size, &json, &len, &count, &null, &why), &why);
    must(json >= body && json + len <= body + size);
    if (rest_read_error(body, size, &code, &why))
        must(code > 0 && code < 1000);
    cv_buf_free(&why);
    return 0;
}
