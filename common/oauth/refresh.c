/* SPDX-License-Identifier: Apache-2.0 */
/* When to ask for the next token: as sasl.login.refresh.* say to Java's clients. */
#include <config.h>

#include <stdint.h>
#include <sys/random.h>

#include "common/oauth/source.h"

/* 0 to below 1; 0 without random numbers. */
static double
chance(void)
{
    uint32_t number = 0;

    if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != (ssize_t)sizeof(number))
        return 0;
    return (double)number / ((double)UINT32_MAX + 1);
}

int64_t
oauth_refresh_ms(const struct oauth_options *options, const struct cv_oauth_token *token, int64_t now_ms)
{
    double part = options->refresh_factor + options->refresh_jitter * chance();
    int64_t buffer_ms = (int64_t)options->refresh_buffer_s * 1000;
    int64_t pause_ms = (int64_t)options->refresh_min_period_s * 1000;
    int64_t at_ms;

    /* a short life has no room for either bound */
    if (now_ms + pause_ms + buffer_ms > token->expires_ms)
        return now_ms + (int64_t)((double)(token->expires_ms - now_ms) * part);
    at_ms = token->start_ms + (int64_t)((double)(token->expires_ms - token->start_ms) * part);
    if (at_ms > token->expires_ms - buffer_ms)
        at_ms = token->expires_ms - buffer_ms;
    return at_ms > now_ms + pause_ms ? at_ms : now_ms + pause_ms;
}
