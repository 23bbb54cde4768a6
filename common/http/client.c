/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One libcurl handle a call: calls are rare (forwards between workers, a schema registry) and
 * nothing is shared, so any thread may call. No proxy from the environment, no redirect, http and
 * https only.
 *
 * libcurl brings eight more libraries, which most workers never need: it is loaded by the first call.
 */
#include <config.h>

#include "common/http/client.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <culvert/record.h>

#include "common/clock.h"
#include "common/http/tls.h"
#include "common/thread.h"

#define POLL_MS 1000 /* of a wait that neither time-outs nor sockets end */

#define LIBCURL "libcurl.so.4" /* the one name that it has had since 2006 */

#define CURL_FUNCTIONS(X)                                                                          \
    X(global_init)                                                                                 \
    X(easy_init)                                                                                   \
    X(easy_setopt)                                                                                 \
    X(easy_getinfo)                                                                                \
    X(easy_strerror)                                                                               \
    X(easy_cleanup)                                                                                \
    X(slist_append)                                                                                \
    X(slist_free_all)                                                                              \
    X(multi_add_handle)                                                                            \
    X(multi_cleanup)                                                                               \
    X(multi_info_read)                                                                             \
    X(multi_init)                                                                                  \
    X(multi_perform)                                                                               \
    X(multi_poll)                                                                                  \
    X(multi_remove_handle)

static struct {
#define CURL_FUNCTION(name) __typeof__(curl_##name) *name;
    CURL_FUNCTIONS(CURL_FUNCTION)
#undef CURL_FUNCTION
} lib;
static pthread_once_t lib_once = PTHREAD_ONCE_INIT;
static char lib_problem[256]; /* "": it is there */

static void
load_function(void *handle, const char *name, void *ret)
{
    void *found = dlsym(handle, name);

    if (found == NULL && lib_problem[0] == '\0')
        snprintf(lib_problem, sizeof(lib_problem), "%s has no %s", LIBCURL, name);
    memcpy(ret, &found, sizeof(found)); /* ISO C has no cast from an object's pointer to a function's */
}

static void
load_lib(void)
{
    void *handle = dlopen(LIBCURL, RTLD_NOW | RTLD_LOCAL);

    if (handle == NULL) {
        snprintf(lib_problem, sizeof(lib_problem), "%s", dlerror());
        return;
    }
#define CURL_FUNCTION(name) load_function(handle, "curl_" #name, &lib.name);
    CURL_FUNCTIONS(CURL_FUNCTION)
#undef CURL_FUNCTION
    if (lib_problem[0] == '\0' && lib.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        snprintf(lib_problem, sizeof(lib_problem), "%s cannot be initialized", LIBCURL);
}

struct answer {
    const struct cv_http_call *call;
    CURL *curl;
    int64_t heard_ms; /* monotonic, of the last byte */
    struct cv_buf *body;
    size_t max;
    bool too_large;
};

static size_t
on_body(char *data, size_t size, size_t count, void *arg)
{
    struct answer *answer = arg;
    size_t len = size * count;
    long status = 0;

    answer->heard_ms = cv_mono_ms();
    if (answer->call->take != NULL &&
        lib.easy_getinfo(answer->curl, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK && status == 200)
        return answer->call->take(answer->call->take_arg, data, len) ? len : 0;
    if (answer->body->len + len > answer->max) {
        answer->too_large = true;
        return 0;
    }
    cv_buf_add(answer->body, data, len);
    return len;
}

static struct curl_slist *
make_headers(const struct cv_http_call *call, struct cv_err *err)
{
    struct curl_slist *list = lib.slist_append(NULL, "Expect:"); /* no pause before a large body */
    bool typed = false;

    for (size_t i = 0; i < call->n_headers; i++)
        typed = typed || strcasecmp(call->headers[i].name, "Content-Type") == 0;
    if (list != NULL && !typed) { /* libcurl would say that it is a form */
        struct curl_slist *longer = lib.slist_append(list, "Content-Type:");

        if (longer == NULL)
            lib.slist_free_all(list);
        list = longer;
    }
    for (size_t i = 0; list != NULL && i < call->n_headers; i++) {
        struct cv_buf line = CV_BUF_INIT(16384);
        struct curl_slist *longer;

        cv_buf_printf(&line, "%s: ", call->headers[i].name);
        cv_buf_add(&line, call->headers[i].value.data, call->headers[i].value.len);
        longer = line.failed == CV_OK ? lib.slist_append(list, cv_buf_cstr(&line)) : NULL;
        cv_buf_free(&line);
        if (longer == NULL)
            lib.slist_free_all(list);
        list = longer;
    }
    if (list == NULL)
        (void)cv_fail_memory(err);
    return list;
}

static CURLcode
set_blob(CURL *curl, CURLoption option, const char *text)
{
    struct curl_blob blob = { .data = (void *)(uintptr_t)text,
                              .len = strlen(text),
                              .flags = CURL_BLOB_COPY };

    return lib.easy_setopt(curl, option, &blob);
}

static CURLcode
set_tls(CURL *curl, const struct http_tls *tls)
{
    long versions = (tls->no_tls12 ? (long)CURL_SSLVERSION_TLSv1_3 : (long)CURL_SSLVERSION_TLSv1_2) |
                    (tls->no_tls13 ? (long)CURL_SSLVERSION_MAX_TLSv1_2
                                   : (long)CURL_SSLVERSION_MAX_DEFAULT);
    CURLcode code = lib.easy_setopt(curl, CURLOPT_SSLVERSION, versions);

    if (code == CURLE_OK && tls->suites12 != NULL)
        code = lib.easy_setopt(curl, CURLOPT_SSL_CIPHER_LIST, tls->suites12);
    if (code == CURLE_OK && tls->suites13 != NULL)
        code = lib.easy_setopt(curl, CURLOPT_TLS13_CIPHERS, tls->suites13);

    if (code == CURLE_OK && tls->trusted != NULL)
        code = set_blob(curl, CURLOPT_CAINFO_BLOB, tls->trusted);
    if (code == CURLE_OK && tls->identity.chain != NULL)
        code = set_blob(curl, CURLOPT_SSLCERT_BLOB, tls->identity.chain);
    if (code == CURLE_OK && tls->identity.key != NULL)
        code = set_blob(curl, CURLOPT_SSLKEY_BLOB, tls->identity.key);
    if (code == CURLE_OK && !tls->verify_host)
        code = lib.easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    return code;
}

static CURLcode
set_protocols(CURL *curl)
{
#if LIBCURL_VERSION_NUM >= 0x075500
    return lib.easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    return lib.easy_setopt(curl, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
#endif
}

static CURLcode
set_options(CURL *curl, const struct cv_http_call *call, struct curl_slist *headers,
            struct answer *answer, char *text)
{
    CURLcode code = lib.easy_setopt(curl, CURLOPT_URL, call->url);

#define SET(option, value)                                                                         \
    if (code == CURLE_OK)                                                                          \
    code = lib.easy_setopt(curl, option, value)
    SET(CURLOPT_CUSTOMREQUEST, call->method);
    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_ERRORBUFFER, text);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_TIMEOUT_MS, (long)call->timeout_ms);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, answer);
    if (call->body != NULL) {
        SET(CURLOPT_POSTFIELDS, call->body);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_len);
    } else if (strcmp(call->method, "HEAD") == 0) {
        SET(CURLOPT_NOBODY, 1L);
    } else if (strcmp(call->method, "GET") != 0) {
        SET(CURLOPT_POSTFIELDS, "");
        SET(CURLOPT_POSTFIELDSIZE, 0L);
    }
#undef SET
    return code == CURLE_OK ? set_protocols(curl) : code;
}

/* As curl_easy_perform, but for interrupt and silence. */
static CURLcode
transfer(CURL *curl, const struct cv_http_call *call, const struct answer *answer)
{
    struct curl_waitfd fd = { .fd = call->interrupt == NULL ? -1 : call->interrupt->fd,
                              .events = CURL_WAIT_POLLIN };
    unsigned int n_fds = call->interrupt == NULL ? 0 : 1;
    CURLM *multi = lib.multi_init();
    CURLcode code = CURLE_OUT_OF_MEMORY;
    CURLMsg *done;
    int running = 1, left;

    if (multi == NULL || lib.multi_add_handle(multi, curl) != CURLM_OK)
        goto out;
    code = CURLE_ABORTED_BY_CALLBACK;
    while (lib.multi_perform(multi, &running) == CURLM_OK && running > 0) {
        if (lib.multi_poll(multi, &fd, n_fds, POLL_MS, NULL) != CURLM_OK || fd.revents != 0)
            goto out;
        if (call->silence_ms > 0 && cv_mono_ms() - answer->heard_ms > call->silence_ms) {
            code = CURLE_OPERATION_TIMEDOUT;
            goto out;
        }
    }
    done = lib.multi_info_read(multi, &left);
    if (running == 0 && done != NULL)
        code = done->data.result;
out:
    (void)lib.multi_remove_handle(multi, curl);
    (void)lib.multi_cleanup(multi);
    return code;
}

static enum cv_rc
perform(CURL *curl, const struct cv_http_call *call, const struct answer *answer, const char *text,
        int *ret_status, struct cv_err *err)
{
    CURLcode code = transfer(curl, call, answer);
    long status = 0;

    if (answer->too_large)
        return cv_fail(err, CV_INVALID, "the answer of %s is longer than %zu bytes", call->url,
                       answer->max);
    if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL ||
        code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CERTPROBLEM ||
        code == CURLE_SSL_CACERT_BADFILE)
        return cv_fail(err, CV_INVALID, "could not ask %s: %s", call->url,
                       *text == '\0' ? lib.easy_strerror(code) : text);
    if (code != CURLE_OK)
        return cv_fail(err, CV_RETRY, "could not ask %s: %s", call->url,
                       *text == '\0' ? lib.easy_strerror(code) : text);
    if (cv_buf_check(answer->body, err) != CV_OK)
        return err->rc;
    (void)lib.easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    *ret_status = (int)status;
    return CV_OK;
}

enum cv_rc
cv_http_request(const struct cv_http_call *call, int *ret_status, struct cv_buf *body,
                struct cv_err *err)
{
    struct answer answer = { .call = call,
                             .body = body,
                             .max = body->len + call->max_answer,
                             .heard_ms = cv_mono_ms() };
    struct http_tls tls = { 0 };
    struct curl_slist *headers = NULL;
    char text[CURL_ERROR_SIZE] = "";
    CURL *curl = NULL;
    CURLcode code;
    enum cv_rc rc = CV_OK;

    (void)pthread_once(&lib_once, load_lib);
    if (lib_problem[0] != '\0')
        return cv_fail(err, CV_INTERNAL, "cannot ask %s without libcurl: %s", call->url, lib_problem);
    if (call->tls != NULL && strncmp(call->url, "https:", 6) == 0) {
        rc = http_tls_load(call->tls, &tls, err);
        if (rc != CV_OK)
            return rc;
    }
    headers = make_headers(call, err);
    answer.curl = curl = lib.easy_init();
    if (headers == NULL || curl == NULL) {
        rc = cv_fail_memory(err);
        goto out;
    }
    code = set_options(curl, call, headers, &answer, text);
    if (code == CURLE_OK)
        code = set_tls(curl, &tls);
    if (code != CURLE_OK) {
        rc = cv_fail(err, CV_INVALID, "could not prepare a request to %s: %s", call->url,
                     lib.easy_strerror(code));
        goto out;
    }
    rc = perform(curl, call, &answer, text, ret_status, err);
out:
    lib.easy_cleanup(curl);
    lib.slist_free_all(headers);
    http_tls_done(&tls);
    return rc;
}
