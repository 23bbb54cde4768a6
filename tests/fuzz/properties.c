/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes through the properties parser. Beyond not crashing: what it accepts is UTF-8 without
 * NUL, and written out again with every special character escaped it parses to the same pairs.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/properties.h"
#include "common/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
    if (!holds)
        abort();
}

static void
put_escaped(struct cv_buf *out, const char *text)
{
    must(cv_utf8_check(text, strlen(text)) == strlen(text));
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ')
            cv_buf_printf(out, "\\u%04x", (unsigned)(unsigned char)*text);
        else if (strchr(" \\=:#!", *text) != NULL)
            cv_buf_printf(out, "\\%c", *text);
        else
            cv_buf_char(out, *text);
    }
}

static void
parse_again(const struct cv_config *cfg)
{
    struct cv_buf out = CV_BUF_INIT(CV_PROPERTIES_MAX);
    struct cv_config *again = cv_config_new();
    struct cv_err err = CV_ERR_INIT;

    must(again != NULL);
    cv_buf_char(&out, '\n'); /* a first key may begin with what is a byte order mark at the start */
    for (size_t i = 0; i < cv_config_count(cfg); i++) {
        put_escaped(&out, cv_config_key(cfg, i));
        cv_buf_char(&out, '=');
        put_escaped(&out, cv_config_value(cfg, i));
        cv_buf_char(&out, '\n');
    }
    if (out.failed == CV_OK) {
        must(cv_properties_parse(cv_buf_cstr(&out), out.len, again, &err) == CV_OK);
        must(cv_config_equal(cfg, again));
    }
    cv_config_free(again);
    cv_buf_free(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cv_config *cfg = cv_config_new();
    struct cv_err err = CV_ERR_INIT;

    must(cfg != NULL);
    if (cv_properties_parse((const char *)data, size, cfg, &err) == CV_OK)
        parse_again(cfg);
    else
        must(err.rc == CV_INVALID && strncmp(err.text, "line ", 5) == 0);
    cv_config_free(cfg);
    return 0;
}
