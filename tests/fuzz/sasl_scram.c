/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as what a broker says in a SCRAM exchange: its challenge, a newline, its verdict. Beyond
 * not crashing: nobody is believed, since the password's proof cannot be guessed.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/wire/sasl.h"

#define NONCE   "rOprNGfwEbeRWgbNEkqO" /* of RFC 7677, as in the seeds */
#define SLOW    100000                 /* iterations of a challenge that take too long here */
#define VERDICT "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G" /* the rest has spare bits */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
    if (!holds)
        abort();
}

static bool
is_slow(const char *text)
{
    const char *at = strstr(text, "i=");

    for (; at != NULL; at = strstr(at + 2, "i="))
        if (strtol(at + 2, NULL, 10) > SLOW)
            return true;
    return false;
}

static void
converse(const char *challenge, size_t len, const char *verdict, size_t verdict_len)
{
    static const struct wire_sasl_login login = { .mechanism = WIRE_SASL_SCRAM_SHA_256,
                                                  .username = "user",
                                                  .password = "pencil" };
    struct cv_buf out = CV_BUF_INIT(1 << 20);
    struct wire_sasl *sasl = NULL;
    struct cv_err err = CV_ERR_INIT;
    bool done = false;
    enum cv_rc rc;

    must(wire_sasl_new(&login, NONCE, &sasl, &err) == CV_OK);
    must(wire_sasl_step(sasl, NULL, 0, &out, &done, &err) == CV_OK && !done);
    cv_buf_reset(&out);
    rc = wire_sasl_step(sasl, challenge, len, &out, &done, &err);
    must(!done);
    if (rc == CV_OK) {
        cv_buf_reset(&out);
        rc = wire_sasl_step(sasl, verdict, verdict_len, &out, &done, &err);
        /* the seed's own verdict is right for the seed's own challenge */
        must(!done || (strstr(verdict, VERDICT) != NULL));
    }
    must(rc == CV_OK || err.text[0] != '\0');
    wire_sasl_free(sasl);
    cv_buf_free(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    const char *newline;
    size_t len;

    must(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    newline = memchr(text, '\n', size);
    len = newline == NULL ? size : (size_t)(newline - text);
    if (!is_slow(text))
        converse(text, len, newline == NULL ? "" : newline + 1,
                 newline == NULL ? 0 : size - len - 1);
    free(text);
    return 0;
}
