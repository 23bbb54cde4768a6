/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users and passwords are kept as keyed hashes under a key of this process: every comparison is of
 * 32 bytes, whatever the lengths, every user is compared with every request, and no password stays
 * in memory.
 *
 * Sources: JaasBasicAuthFilter and PropertyFileLoginModule of Apache Kafka 4.1; the meaning of the
 * control flags is that of javax.security.auth.login.Configuration.
 */
#include <config.h>

#include "common/http/auth.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "common/buf.h"
#include "common/jaas.h"
#include "common/log.h"
#include "common/number.h"
#include "common/properties.h"
#include "common/secret.h"

#define MODULE          "PropertyFileLoginModule"
#define HASH_BYTES      32
#define JAAS_FILE_MAX   ((size_t)1 << 20)
#define CREDENTIALS_MAX ((size_t)64 << 10)

struct user {
    unsigned char name[HASH_BYTES];
    unsigned char password[HASH_BYTES];
};

struct login {
    enum cv_jaas_flag flag;
    bool usable; /* its file could be read */
    struct user *users;
    size_t count;
};

struct cv_http_auth {
    unsigned char key[HASH_BYTES];
    struct login *logins;
    size_t count;
};

static struct cv_log *
auth_log(void)
{
    return cv_log_get("culvert.http.auth");
}

static void
hash(const struct cv_http_auth *auth, const char *text, size_t len, unsigned char *ret)
{
    if (HMAC(EVP_sha256(), auth->key, HASH_BYTES, (const unsigned char *)text, len, ret, NULL) ==
        NULL)
        (void)RAND_bytes(ret, HASH_BYTES); /* equal to nothing */
}

void
cv_http_auth_free(struct cv_http_auth *auth)
{
    if (auth == NULL)
        return;
    for (size_t i = 0; i < auth->count; i++)
        free(auth->logins[i].users);
    free(auth->logins);
    cv_secret_wipe(auth->key, sizeof(auth->key));
    free(auth);
}

/* ---- reading ---- */

static enum cv_rc
read_text(const char *path, struct cv_buf *out, struct cv_err *err)
{
    FILE *file = fopen(path, "re");
    enum cv_rc rc;
    size_t n;

    if (file == NULL)
        return cv_fail_errno(err, CV_NOT_FOUND, errno, "could not open \"%s\"", path);
    do {
        char *room = cv_buf_reserve(out, 4096);

        n = room == NULL ? 0 : fread(room, 1, 4096, file);
        if (n > 0)
            cv_buf_used(out, n);
    } while (n > 0);
    if (ferror(file))
        rc = cv_fail_errno(err, CV_INVALID, errno, "could not read \"%s\"", path);
    else
        rc = cv_buf_check(out, err);
    (void)fclose(file);
    return rc;
}

static void
warn_of_mode(const char *path)
{
    struct stat st;

    if (stat(path, &st) == 0 && (st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        CV_LOG_WARN(auth_log(), "a file of passwords is open to others than its owner; chmod 600",
                    CV_STR("file", path));
}

static enum cv_rc
read_users(const struct cv_http_auth *auth, const char *path, struct login *login,
           struct cv_err *err)
{
    struct cv_config *file = cv_config_new();
    enum cv_rc rc;

    if (file == NULL)
        return cv_fail_memory(err);
    rc = cv_properties_load(path, file, err);
    if (rc == CV_OK) {
        login->users = calloc(cv_config_count(file) + 1, sizeof(*login->users));
        if (login->users == NULL)
            rc = cv_fail_memory(err);
    }
    if (rc == CV_OK) {
        for (size_t i = 0; i < cv_config_count(file); i++) {
            const char *name = cv_config_key(file, i);
            const char *password = cv_config_value(file, i);

            hash(auth, name, strlen(name), login->users[i].name);
            hash(auth, password, strlen(password), login->users[i].password);
        }
        login->count = cv_config_count(file);
        login->usable = true;
    }
    cv_config_free(file);
    return rc;
}

/* What cannot be used is told and lets nobody in; only memory is a failure. */
static enum cv_rc
read_login(const struct cv_http_auth *auth, const struct cv_jaas_module *module,
           struct login *login, struct cv_err *err)
{
    const char *path = cv_config_get(module->options, "file");
    enum cv_rc rc;

    login->flag = module->flag;
    if (strcmp(cv_jaas_simple_name(module), MODULE) != 0) {
        CV_LOG_ERROR(auth_log(), "a login module is not known and lets nobody in; use " MODULE,
                     CV_STR("module", module->name));
        return CV_OK;
    }
    if (path == NULL || *path == '\0') {
        CV_LOG_ERROR(auth_log(),
                     "a login module lets nobody in: its option file=\"...\" is missing",
                     CV_STR("module", module->name));
        return CV_OK;
    }
    rc = read_users(auth, path, login, err);
    if (rc == CV_NO_MEMORY)
        return rc;
    if (rc != CV_OK) {
        CV_LOG_ERROR(auth_log(), "a file of users cannot be read and lets nobody in",
                     CV_STR("file", path), CV_STR("error", err->text));
        return CV_OK;
    }
    warn_of_mode(path);
    if (login->count == 0)
        CV_LOG_WARN(auth_log(), "a file of users is empty: every request is let in",
                    CV_STR("file", path));
    return CV_OK;
}

static enum cv_rc
read_section(struct cv_http_auth *auth, const char *jaas_file, const char *section,
             struct cv_err *err)
{
    struct cv_buf text = CV_BUF_INIT(JAAS_FILE_MAX);
    struct cv_jaas_section found = { 0 };
    enum cv_rc rc = read_text(jaas_file, &text, err);

    if (rc == CV_OK) {
        rc = cv_jaas_find(cv_buf_cstr(&text), section, &found, err);
        if (rc == CV_NOT_FOUND) {
            CV_LOG_ERROR(auth_log(), "a JAAS file lacks a section: nobody is let in",
                         CV_STR("file", jaas_file), CV_STR("section", section));
            rc = CV_OK;
        } else if (rc != CV_OK) {
            (void)cv_err_context(err, "cannot use the JAAS file \"%s\"", jaas_file);
        }
    }
    if (rc == CV_OK) {
        auth->logins = calloc(found.count + 1, sizeof(*auth->logins));
        if (auth->logins == NULL)
            rc = cv_fail_memory(err);
    }
    while (rc == CV_OK && auth->count < found.count) {
        rc = read_login(auth, &found.modules[auth->count], &auth->logins[auth->count], err);
        auth->count++;
    }
    cv_jaas_section_done(&found);
    cv_buf_wipe(&text);
    return rc;
}

enum cv_rc
cv_http_auth_new(const char *jaas_file, const char *section, struct cv_http_auth **ret,
                 struct cv_err *err)
{
    struct cv_http_auth *auth = calloc(1, sizeof(*auth));
    enum cv_rc rc;

    if (auth == NULL)
        return cv_fail_memory(err);
    if (RAND_bytes(auth->key, sizeof(auth->key)) != 1)
        rc = cv_fail(err, CV_INTERNAL, "no random bytes for the key of user names");
    else
        rc = read_section(auth, jaas_file, section, err);
    if (rc == CV_OK)
        *ret = auth;
    else
        cv_http_auth_free(auth);
    return rc;
}

/* ---- asking ---- */

/* user:password out of "Basic Base64"; empty: there are none. */
static enum cv_rc
decode(const char *authorization, struct cv_buf *out, struct cv_err *err)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    struct cv_buf padded = CV_BUF_INIT(CREDENTIALS_MAX);
    const char *text;
    size_t len, good;
    enum cv_rc rc;

    if (authorization == NULL || strncasecmp(authorization, "Basic ", 6) != 0)
        return CV_OK;
    text = authorization + 6;
    len = strlen(text);
    good = strspn(text, alphabet);
    if (good < len)
        return cv_fail(err, CV_INVALID, "Illegal base64 character %x", (unsigned char)text[good]);
    cv_buf_add(&padded, text, len);
    while (padded.failed == CV_OK && padded.len % 4 != 0) /* Java takes it without the padding */
        cv_buf_char(&padded, '=');
    rc = cv_buf_check(&padded, err);
    if (rc == CV_OK && cv_base64_decode(cv_buf_cstr(&padded), padded.len, out, err) != CV_OK)
        rc = cv_fail(err, CV_INVALID, "Input byte array has wrong 4-byte ending unit");
    cv_buf_wipe(&padded);
    return rc;
}

/* Every user is looked at, so that the time tells nothing. */
static bool
knows(const struct login *login, const unsigned char *name, const unsigned char *password)
{
    unsigned found = 0;

    for (size_t i = 0; i < login->count; i++) {
        unsigned same = cv_secret_equal(login->users[i].name, name, HASH_BYTES);

        same &= cv_secret_equal(login->users[i].password, password, HASH_BYTES);
        found |= same;
    }
    return found != 0;
}

/* One who gives no credentials passes where everybody does. */
static bool
login_passes(const struct login *login, bool given, const unsigned char *name,
             const unsigned char *password)
{
    bool known = knows(login, name, password);

    return login->usable && (login->count == 0 || (given && known));
}

/* All that are required must pass; without any, one of the others. */
static bool
all_pass(const struct cv_http_auth *auth, bool given, const unsigned char *name,
         const unsigned char *password)
{
    bool required = false, failed = false, passed = false;

    for (size_t i = 0; i < auth->count; i++) {
        const struct login *login = &auth->logins[i];
        bool must = login->flag == CV_JAAS_REQUIRED || login->flag == CV_JAAS_REQUISITE;
        bool passes = login_passes(login, given, name, password);

        required = required || must;
        failed = failed || (must && !passes);
        passed = passed || passes;
        if ((login->flag == CV_JAAS_REQUISITE && !passes) ||
            (login->flag == CV_JAAS_SUFFICIENT && passes && !failed))
            break;
    }
    return !failed && (required || passed);
}

enum cv_rc
cv_http_auth_check(const struct cv_http_auth *auth, const char *authorization, struct cv_err *err)
{
    struct cv_buf credentials = CV_BUF_INIT(CREDENTIALS_MAX);
    unsigned char name[HASH_BYTES], password[HASH_BYTES];
    const char *text, *colon;
    size_t name_len;
    bool given;
    enum cv_rc rc = decode(authorization, &credentials, err);

    text = cv_buf_cstr(&credentials);
    colon = credentials.len == 0 ? NULL : memchr(text, ':', credentials.len);
    given = colon != NULL && colon != text;
    name_len = given ? (size_t)(colon - text) : 0;
    hash(auth, text, name_len, name);
    hash(auth, given ? colon + 1 : "", given ? credentials.len - name_len - 1 : 0, password);
    if (rc == CV_OK && !all_pass(auth, given, name, password))
        rc = cv_fail(err, CV_FENCED, "User cannot access the resource.");
    cv_buf_wipe(&credentials);
    cv_secret_wipe(password, sizeof(password));
    return rc;
}
