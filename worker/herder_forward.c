/* SPDX-License-Identifier: Apache-2.0 */
/* Signed requests to the leader (KIP-507; RestClient, InternalRequestSignature). */
#include <config.h>

#include "worker/herder_forward.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "common/buf.h"
#include "common/http/client.h"
#include "common/json_write.h"
#include "common/number.h"
#include "worker/herder_private.h"

#define BODY_MAX   ((size_t)64 << 20)
#define TIMEOUT_MS 30000

/* "HmacSHA256" to OpenSSL's name. */
static const EVP_MD *
digest_of(const char *algorithm)
{
    static const char *const names[][2] = { { "HmacSHA1", "SHA1" },     { "HmacSHA224", "SHA224" },
                                            { "HmacSHA256", "SHA256" }, { "HmacSHA384", "SHA384" },
                                            { "HmacSHA512", "SHA512" } };

    for (size_t i = 0; i < CV_COUNT(names); i++)
        if (strcmp(names[i][0], algorithm) == 0)
            return EVP_get_digestbyname(names[i][1]);
    return NULL;
}

enum cv_rc
herder_sign(const struct session_key *key, const char *body, size_t len, struct cv_buf *out, struct cv_err *err)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned mac_len = 0;
    const EVP_MD *digest = digest_of(key->algorithm);

    if (digest == NULL ||
        HMAC(digest, key->key, (int)key->len, (const unsigned char *)body, len, mac, &mac_len) == NULL)
        return cv_fail(err, CV_INVALID, "cannot sign with algorithm %s", key->algorithm);
    cv_base64(out, mac, mac_len);
    return cv_buf_check(out, err);
}

static void
write_configs(struct cv_buf *body, const struct cv_task_configs *configs)
{
    struct cv_json_writer w = cv_json_writer_of(body);

    cv_json_array(&w);
    for (size_t i = 0; i < configs->count; i++) {
        const struct cv_config *cfg = configs->items[i];

        cv_json_object(&w);
        for (size_t k = 0; k < cv_config_count(cfg); k++) {
            cv_json_key(&w, cv_config_key(cfg, k));
            cv_json_string(&w, cv_config_value(cfg, k));
        }
        cv_json_object_end(&w);
    }
    cv_json_array_end(&w);
}

static enum cv_rc
ask_leader(struct herder *h, const char *method, const char *url, const struct cv_buf *body, bool is_signed,
           struct cv_err *err)
{
    struct cv_raw_header headers[5] = { { "Accept", { "application/json", 16 } },
                                        { "Content-Type", { "application/json", 16 } },
                                        { "User-Agent", { "kafka-connect", 13 } } };
    struct cv_buf signature = CV_BUF_INIT(256), answer = CV_BUF_INIT(65536);
    struct cv_http_call call = { .method = method,
                                 .url = url,
                                 .headers = headers,
                                 .n_headers = 3,
                                 .body = body->data,
                                 .body_len = body->len,
                                 .timeout_ms = TIMEOUT_MS,
                                 .max_answer = 65536 };
    struct session_key key;
    int status = 0;
    enum cv_rc rc = CV_OK;

    if (is_signed && config_store_session_key(h->configs, &key)) {
        rc = herder_sign(&key, body->data, body->len, &signature, err);
        headers[3] = (struct cv_raw_header){ "X-Connect-Authorization", { signature.data, signature.len } };
        headers[4] = (struct cv_raw_header){ "X-Connect-Request-Signature-Algorithm",
                                             { key.algorithm, strlen(key.algorithm) } };
        call.n_headers = 5;
    }
    if (rc == CV_OK)
        rc = cv_http_request(&call, &status, &answer, err);
    if (rc == CV_OK && status >= 300)
        rc = cv_fail(err, status == 400 ? CV_INVALID : CV_RETRY, "the leader answered %d to %s: %s", status, url,
                     cv_buf_cstr(&answer));
    cv_buf_wipe(&signature);
    cv_buf_free(&answer);
    return rc;
}

enum cv_rc
herder_forward_task_configs(struct herder *h, const char *name, const struct cv_task_configs *configs,
                            struct cv_err *err)
{
    struct cv_buf body = CV_BUF_INIT(BODY_MAX), url = CV_BUF_INIT(8192);
    const char *leader = member_leader_url(h->member);
    enum cv_rc rc;

    if (leader == NULL)
        return cv_fail(err, CV_RETRY, "the group has no leader for now");
    cv_buf_str(&url, leader);
    cv_buf_str(&url, "connectors/");
    cv_buf_url(&url, name);
    cv_buf_str(&url, "/tasks?forward=true");
    write_configs(&body, configs);
    rc = cv_buf_check(&url, err);
    if (rc == CV_OK)
        rc = cv_buf_check(&body, err);
    if (rc == CV_OK)
        rc = ask_leader(h, "POST", cv_buf_cstr(&url), &body, member_protocol(h->member) == GROUP_SESSIONED, err);
    cv_buf_free(&url);
    cv_buf_wipe(&body);
    return rc;
}

enum cv_rc
herder_forward_fence(struct herder *h, const char *leader, const char *name, bool is_signed, struct cv_err *err)
{
    struct cv_buf body = CV_BUF_INIT(1), url = CV_BUF_INIT(8192);
    enum cv_rc rc;

    cv_buf_str(&url, leader);
    cv_buf_str(&url, "connectors/");
    cv_buf_url(&url, name);
    cv_buf_str(&url, "/fence?forward=true");
    rc = cv_buf_check(&url, err);
    if (rc == CV_OK)
        rc = ask_leader(h, "PUT", cv_buf_cstr(&url), &body, is_signed, err);
    cv_buf_free(&url);
    cv_buf_free(&body);
    return rc;
}
