/* SPDX-License-Identifier: Apache-2.0 */
/* Signed requests to the leader (KIP-507; RestClient, InternalRequestSignature). */
#include <config.h>

#include "worker/herder_forward.h"

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "common/buf.h"
#include "common/http/client.h"
#include "common/json_write.h"
#include "common/number.h"
#include "common/secret.h"
#include "worker/herder_private.h"
#include "worker/herder_publish.h"

#define BODY_MAX      ((size_t)64 << 20)
#define URL_MAX       8192
#define SIGNATURE_MAX 256
#define ANSWER_MAX    65536
#define TIMEOUT_MS    30000

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

/* The url of something of a connector, and how to speak to it; leader ends with a slash. */
static enum cv_rc
set_url(struct herder *h, struct leader_request *req, const char *leader, const char *name, const char *what,
        struct cv_err *err)
{
    if (h->spec.tls != NULL && strncmp(leader, "https:", 6) == 0) {
        req->tls = cv_config_copy(h->spec.tls);
        if (req->tls == NULL)
            return cv_fail_memory(err);
    }
    cv_buf_str(&req->url, leader);
    cv_buf_str(&req->url, "connectors/");
    cv_buf_url(&req->url, name);
    cv_buf_str(&req->url, what);
    return cv_buf_check(&req->url, err);
}

/* With the body as it is now. Without a session key it goes unsigned, and the leader says so. */
static enum cv_rc
sign(struct herder *h, struct leader_request *req, struct cv_err *err)
{
    struct session_key key;
    enum cv_rc rc;

    if (!config_store_session_key(h->configs, &key))
        return CV_OK;
    (void)snprintf(req->algorithm, sizeof(req->algorithm), "%s", key.algorithm);
    rc = herder_sign(&key, req->body.data, req->body.len, &req->signature, err);
    cv_secret_wipe(&key, sizeof(key));
    return rc;
}

void
leader_request_init(struct leader_request *req, const char *method)
{
    *req = (struct leader_request){ .method = method };
    cv_buf_init(&req->url, URL_MAX);
    cv_buf_init(&req->body, BODY_MAX);
    cv_buf_init(&req->signature, SIGNATURE_MAX);
}

void
leader_request_done(struct leader_request *req)
{
    cv_buf_free(&req->url);
    cv_buf_wipe(&req->body);
    cv_buf_wipe(&req->signature);
    cv_config_free(req->tls);
    req->tls = NULL;
}

enum cv_rc
leader_request_send(const struct leader_request *req, struct cv_err *err)
{
    const struct cv_raw_header headers[5] = {
        { "Accept", { "application/json", 16 } },
        { "Content-Type", { "application/json", 16 } },
        { "User-Agent", { "kafka-connect", 13 } },
        { "X-Connect-Authorization", { req->signature.data, req->signature.len } },
        { "X-Connect-Request-Signature-Algorithm", { req->algorithm, strlen(req->algorithm) } },
    };
    struct cv_buf answer = CV_BUF_INIT(ANSWER_MAX);
    struct cv_http_call call = { .method = req->method,
                                 .url = req->url.data,
                                 .headers = headers,
                                 .n_headers = req->signature.len > 0 ? 5 : 3,
                                 .body = req->body.data,
                                 .body_len = req->body.len,
                                 .timeout_ms = TIMEOUT_MS,
                                 .max_answer = ANSWER_MAX,
                                 .tls = req->tls };
    int status = 0;
    enum cv_rc rc = cv_http_request(&call, &status, &answer, err);

    if (rc == CV_OK && status >= 300)
        rc = cv_fail(err, status == 400 ? CV_INVALID : CV_RETRY, "the leader answered %d to %s: %s", status,
                     call.url, cv_buf_cstr(&answer));
    cv_buf_free(&answer);
    return rc;
}

enum cv_rc
herder_forward_task_configs(struct herder *h, const char *name, const struct cv_task_configs *configs,
                            struct cv_err *err)
{
    const char *leader = member_leader_url(h->member);
    struct leader_request req;
    enum cv_rc rc;

    if (leader == NULL)
        return cv_fail(err, CV_RETRY, "the group has no leader for now");
    leader_request_init(&req, "POST");
    write_configs(&req.body, configs);
    rc = cv_buf_check(&req.body, err);
    if (rc == CV_OK)
        rc = set_url(h, &req, leader, name, "/tasks?forward=true", err);
    if (rc == CV_OK && member_protocol(h->member) == GROUP_SESSIONED)
        rc = sign(h, &req, err);
    if (rc == CV_OK)
        rc = herder_publish(h, name, &req, err);
    leader_request_done(&req);
    return rc;
}

enum cv_rc
herder_forward_fence(struct herder *h, const char *leader, const char *name, bool is_signed, struct cv_err *err)
{
    struct leader_request req;
    enum cv_rc rc;

    leader_request_init(&req, "PUT");
    rc = set_url(h, &req, leader, name, "/fence?forward=true", err);
    if (rc == CV_OK && is_signed)
        rc = sign(h, &req, err);
    if (rc == CV_OK)
        rc = leader_request_send(&req, err);
    leader_request_done(&req);
    return rc;
}
