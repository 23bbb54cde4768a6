/* SPDX-License-Identifier: Apache-2.0 */
#include "common/kafka/refusal.h"

#include "common/kafka/handle.h"

#include <stdio.h>

#define KEY_SHOWN 160 /* bytes of a key, which has its values at the end */

const char *
refusal_explain(const struct producer_settings *settings, rd_kafka_resp_err_t code, char text[REFUSAL_MAX])
{
    const char *words = rd_kafka_err2str(code), *id = settings->transactional_id;

    if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
        (void)snprintf(text, REFUSAL_MAX, "%s: grant WRITE and DESCRIBE on the topic, and restart", words);
    else if (code == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED && id != NULL)
        (void)snprintf(text, REFUSAL_MAX, "%s: grant WRITE and DESCRIBE on transactional id \"%s\", and restart", words,
                       id);
    else if (code == RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT)
        (void)snprintf(text, REFUSAL_MAX,
                       "%s: it is %d; lower producer.override.transaction.timeout.ms, or raise "
                       "transaction.max.timeout.ms of the brokers (900000 unless set)",
                       words, (int)settings->txn_timeout_ms);
    else if (kafka_class(code) == CV_FENCED && id != NULL)
        (void)snprintf(text, REFUSAL_MAX, "%s: another producer took the transactional id \"%s\"", words, id);
    else
        return NULL;
    return text;
}

/* The end of the key, without what would disturb a line of text. */
static void
show_key(struct cv_bytes key, char shown[KEY_SHOWN + 4])
{
    const unsigned char *bytes = (const unsigned char *)key.data;
    size_t start = key.len > KEY_SHOWN ? key.len - KEY_SHOWN : 0;
    int n = snprintf(shown, KEY_SHOWN + 4, "%s", start > 0 ? "..." : "");

    for (size_t i = start; i < key.len; i++)
        shown[n++] = bytes[i] >= ' ' && bytes[i] < 0x7f ? (char)bytes[i] : '?';
    shown[n] = '\0';
}

const char *
refusal_too_large(struct cv_bytes key, size_t len, const char *limit, char text[REFUSAL_MAX])
{
    char shown[KEY_SHOWN + 4];

    show_key(key, shown);
    (void)snprintf(text, REFUSAL_MAX, "%s: the message with key %s has %zu bytes, more than %s: raise that, and restart",
                   rd_kafka_err2str(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE), key.data == NULL ? "null" : shown, len,
                   limit);
    return text;
}
