/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a token, as the answer of a token endpoint, and as a template of claims. Beyond not crashing: what is
   accepted has a principal and an end to come, and a refusal says why. */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/oauth/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
    if (!holds)
        abort();
}

static void
read_token(const char *text, size_t len)
{
    struct cv_oauth_token token = { 0 };
    struct cv_err err = CV_ERR_INIT;

    if (oauth_token_read(text, len, "sub", &token, &err) == CV_OK)
        must(token.principal[0] != '\0' && token.expires_ms > cv_now_ms() - 60000 &&
             token.start_ms < token.expires_ms && strlen(token.text) == len);
    else
        must(token.text == NULL && err.text[0] != '\0');
    cv_oauth_token_done(&token);
}

static void
read_template(const char *text, size_t len)
{
    struct cv_config *header = cv_config_new(), *payload = cv_config_new();
    struct cv_err err = CV_ERR_INIT;

    must(oauth_template_read(text, len, header, payload, &err) == CV_OK || err.text[0] != '\0');
    cv_config_free(header);
    cv_config_free(payload);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cv_buf token = CV_BUF_INIT(OAUTH_TOKEN_MAX), reason = CV_BUF_INIT(1024);
    struct cv_err err = CV_ERR_INIT;
    const char *text = (const char *)data;

    read_token(text, size);
    read_template(text, size);
    if (oauth_answer_read(text, size, &token, &err) == CV_OK)
        read_token(cv_buf_cstr(&token), token.len);
    else
        must(err.text[0] != '\0');
    oauth_answer_reason(text, size, &reason);
    for (size_t i = 0; i < reason.len; i++)
        must((unsigned char)reason.data[i] >= ' ');
    cv_buf_free(&token);
    cv_buf_free(&reason);
    return 0;
}
