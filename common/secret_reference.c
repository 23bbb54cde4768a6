/* SPDX-License-Identifier: Apache-2.0 */
/*
 * References to secrets in configurations.
 *
 * They are those of Kafka (ConfigTransformer: ${provider:[path:]key}, one pass, what cannot be
 * resolved stays as it is), the providers those that Kafka ships. Whoever may post a connector's
 * configuration may write references, so a provider reads regular files of bounded size only, named
 * by absolute paths and, where allowed.paths says so, only below those, links followed first.
 * Failures name provider and path, never what a file holds.
 */
#include <config.h>

#include "common/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/log.h"
#include "common/properties.h"
#include "common/regex.h"
#include "common/utf8.h"

#define FILE_BYTES_MAX ((size_t)1 << 20)
#define VALUE_MAX      ((size_t)4 << 20)  /* one value with its references resolved */
#define TOTAL_MAX      ((size_t)16 << 20) /* all resolved values of a configuration */
#define PATHS_MAX      64                 /* different paths in the references of a configuration */
#define CLASS_PREFIX   "org.apache.kafka.common.config.provider."

extern char **environ;

enum kind { KIND_FILE, KIND_DIRECTORY, KIND_ENV, KIND_COUNT };

static const char *const class_names[KIND_COUNT] = {
    [KIND_FILE] = "FileConfigProvider",
    [KIND_DIRECTORY] = "DirectoryConfigProvider",
    [KIND_ENV] = "EnvVarConfigProvider",
};

/* What is there without config.providers. */
static const char *const default_names[KIND_COUNT] = {
    [KIND_FILE] = "file",
    [KIND_DIRECTORY] = "directory",
    [KIND_ENV] = "env",
};

struct provider {
    char *name;
    enum kind kind;
    bool restricted; /* FILE, DIRECTORY: only what lies below paths */
    char **paths;    /* with links followed, and as given */
    size_t n_paths;
    struct cv_config *env; /* ENV: as it was at the start, of allowed names */
};

struct cv_secrets {
    struct provider *providers;
    size_t count;
};

/* A reference found in a text; the spans are borrowed, path.len 0 is none. */
struct reference {
    const char *start;
    const char *end; /* behind the brace */
    const char *provider;
    size_t provider_len;
    const char *path;
    size_t path_len;
    const char *key;
    size_t key_len;
};

/* ---- providers: reading files ---- */

/* Whether an absolute path without links is one of the provider's paths or lies below one. */
static bool
is_allowed(const struct provider *prov, const char *path)
{
    if (!prov->restricted)
        return true;
    for (size_t i = 0; i < prov->n_paths; i++) {
        size_t n = strlen(prov->paths[i]);

        if (n > 0 && prov->paths[i][n - 1] == '/') /* the root directory */
            n--;
        if (strncmp(path, prov->paths[i], n) == 0 && (path[n] == '/' || path[n] == '\0'))
            return true;
    }
    return false;
}

static void
warn_outside(const struct provider *prov, const char *path)
{
    CV_LOG_WARN(cv_log_get("culvert.secret"),
                "reference left unresolved: the path is not below the provider's allowed.paths",
                CV_STR("provider", prov->name), CV_STR("path", path));
}

/*
 * The real path of what a reference names. CV_NOT_FOUND if it is not below the allowed paths,
 * whether it exists or not: a restricted provider must not tell what is elsewhere.
 */
static enum cv_rc
resolve_path(const struct provider *prov, const char *path, char real[PATH_MAX], struct cv_err *err)
{
    bool there;

    if (path[0] != '/')
        return cv_fail(err, CV_INVALID, "provider \"%s\": path \"%s\" is not absolute", prov->name,
                       path);
    there = realpath(path, real) != NULL;
    if (!there && !prov->restricted)
        return cv_fail_errno(err, CV_INVALID, errno, "provider \"%s\": could not read \"%s\"",
                             prov->name, path);
    if (there ? is_allowed(prov, real) : (is_allowed(prov, path) && strstr(path, "/..") == NULL)) {
        if (there)
            return CV_OK;
        return cv_fail_errno(err, CV_INVALID, errno, "provider \"%s\": could not read \"%s\"",
                             prov->name, path);
    }
    warn_outside(prov, path);
    return cv_fail(err, CV_NOT_FOUND, "provider \"%s\": \"%s\" is not allowed", prov->name, path);
}

/* Read an open file whole; path only names it. */
static enum cv_rc
read_fd(const struct provider *prov, int fd, const char *path, struct cv_buf *out,
        struct cv_err *err)
{
    for (;;) {
        char *room = cv_buf_reserve(out, 4096);
        ssize_t n;

        if (out->len > FILE_BYTES_MAX)
            return cv_fail(err, CV_INVALID, "provider \"%s\": \"%s\" is larger than %zu bytes",
                           prov->name, path, FILE_BYTES_MAX);
        if (room == NULL)
            return cv_buf_check(out, err);
        n = read(fd, room, 4096);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cv_fail_errno(err, CV_INVALID, errno, "provider \"%s\": could not read \"%s\"",
                                 prov->name, path);
        if (n == 0)
            return CV_OK;
        cv_buf_used(out, (size_t)n);
    }
}

/* Read a regular file by its real path. CV_NOT_FOUND if it is something else: such files do not
 * count. */
static enum cv_rc
read_file(const struct provider *prov, const char *real, struct cv_buf *out, struct cv_err *err)
{
    struct stat st;
    enum cv_rc rc;
    int fd;

    if (stat(real, &st) == 0 && !S_ISREG(st.st_mode)) /* before open, which a device may notice */
        return cv_fail(err, CV_NOT_FOUND, "provider \"%s\": \"%s\" is not a regular file",
                       prov->name, real);
    fd = open(real, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return cv_fail_errno(err, CV_INVALID, errno, "provider \"%s\": could not read \"%s\"",
                             prov->name, real);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        rc = cv_fail(err, CV_NOT_FOUND, "provider \"%s\": \"%s\" is not a regular file", prov->name,
                     real);
    else
        rc = read_fd(prov, fd, real, out, err);
    (void)close(fd);
    return rc;
}

/* All keys of a properties file. */
static enum cv_rc
load_file(const struct provider *prov, const char *path, struct cv_config *out, struct cv_err *err)
{
    struct cv_buf text = CV_BUF_INIT(FILE_BYTES_MAX + 8192);
    char real[PATH_MAX];
    enum cv_rc rc = resolve_path(prov, path, real, err);

    if (rc != CV_OK)
        return rc == CV_NOT_FOUND ? CV_OK : rc;
    rc = read_file(prov, real, &text, err);
    if (rc == CV_NOT_FOUND)
        rc = cv_fail(err, CV_INVALID, "provider \"%s\": \"%s\" is not a regular file", prov->name,
                     path);
    if (rc == CV_OK) {
        rc = cv_properties_parse(cv_buf_cstr(&text), text.len, out, err);
        if (rc != CV_OK)
            (void)cv_err_context(err, "provider \"%s\": \"%s\"", prov->name, path);
    }
    cv_buf_wipe(&text);
    return rc;
}

/* The file of that name in a directory, whole, put under its name; nothing if there is no such
 * file. */
static enum cv_rc
load_directory(const struct provider *prov, const char *path, const char *name,
               struct cv_config *out, struct cv_err *err)
{
    struct cv_buf text = CV_BUF_INIT(FILE_BYTES_MAX + 8192);
    struct cv_buf file = CV_BUF_INIT(PATH_MAX);
    char real[PATH_MAX];
    enum cv_rc rc = resolve_path(prov, path, real, err);

    if (rc != CV_OK)
        return rc == CV_NOT_FOUND ? CV_OK : rc;
    if (name[0] == '\0' || strchr(name, '/') != NULL || strcmp(name, ".") == 0 ||
        strcmp(name, "..") == 0)
        return CV_OK;
    cv_buf_printf(&file, "%s/%s", real, name);
    if (file.failed != CV_OK || access(cv_buf_cstr(&file), F_OK) != 0)
        goto out;
    rc = resolve_path(prov, cv_buf_cstr(&file), real, err);
    if (rc == CV_OK)
        rc = read_file(prov, real, &text, err);
    if (rc == CV_NOT_FOUND) {
        rc = CV_OK;
        goto out;
    }
    if (rc == CV_OK && (memchr(cv_buf_cstr(&text), '\0', text.len) != NULL ||
                        cv_utf8_check(cv_buf_cstr(&text), text.len) != text.len))
        rc = cv_fail(err, CV_INVALID, "provider \"%s\": \"%s\" is not UTF-8 text", prov->name,
                     cv_buf_cstr(&file));
    if (rc == CV_OK)
        rc = cv_config_set(out, name, cv_buf_cstr(&text), err);
out:
    cv_buf_free(&file);
    cv_buf_wipe(&text);
    return rc;
}

/* ---- providers: set-up ---- */

static void
provider_done(struct provider *prov)
{
    for (size_t i = 0; i < prov->n_paths; i++)
        free(prov->paths[i]);
    free(prov->paths);
    cv_config_free(prov->env);
    free(prov->name);
}

/* The value of config.providers.NAME.SUFFIX, NULL if there is none. */
static const char *
provider_option(const struct cv_config *worker, const char *name, const char *suffix)
{
    struct cv_buf key = CV_BUF_INIT(4096);
    const char *value;

    cv_buf_printf(&key, "config.providers.%s.%s", name, suffix);
    value = key.failed == CV_OK ? cv_config_get(worker, cv_buf_cstr(&key)) : NULL;
    cv_buf_free(&key);
    return value;
}

/* Cut the next item, trimmed, off a comma-separated list. False at its end. */
static bool
next_item(const char **inout_list, struct cv_buf *out)
{
    const char *item = *inout_list;
    size_t len;

    if (*item == '\0')
        return false;
    len = strcspn(item, ",");
    *inout_list = item[len] == ',' ? item + len + 1 : item + len;
    while (len > 0 && (unsigned char)*item <= ' ') {
        item++;
        len--;
    }
    while (len > 0 && (unsigned char)item[len - 1] <= ' ')
        len--;
    cv_buf_reset(out);
    cv_buf_add(out, item, len);
    return true;
}

/* Keep both spellings: a reference to a file that is missing can only be compared as it is written.
 */
static enum cv_rc
add_path(struct provider *prov, const char *path, struct cv_err *err)
{
    char **paths;
    char *real;
    char *given;

    if (path[0] != '/')
        return cv_fail(err, CV_INVALID,
                       "invalid value \"%s\" in config.providers.%s.param.allowed.paths: give an "
                       "absolute path",
                       path, prov->name);
    real = realpath(path, NULL);
    if (real == NULL)
        return cv_fail_errno(err, CV_INVALID, errno,
                             "invalid value \"%s\" in config.providers.%s.param.allowed.paths",
                             path, prov->name);
    given = strdup(path);
    paths = realloc(prov->paths, (prov->n_paths + 2) * sizeof(*paths));
    if (paths != NULL)
        prov->paths = paths;
    if (paths == NULL || given == NULL) {
        free(real);
        free(given);
        return cv_fail_memory(err);
    }
    prov->paths[prov->n_paths++] = real;
    prov->paths[prov->n_paths++] = given;
    return CV_OK;
}

static enum cv_rc
set_paths(struct provider *prov, const char *list, bool restricted, struct cv_err *err)
{
    struct cv_buf item = CV_BUF_INIT(PATH_MAX);
    enum cv_rc rc = CV_OK;

    prov->restricted = restricted;
    while (rc == CV_OK && list != NULL && next_item(&list, &item)) {
        rc = cv_buf_check(&item, err);
        if (rc == CV_OK && item.len > 0) {
            prov->restricted = true;
            rc = add_path(prov, cv_buf_cstr(&item), err);
        }
    }
    cv_buf_free(&item);
    return rc;
}

/* Copy the environment, of the names that match the pattern. */
static enum cv_rc
set_env(struct provider *prov, const char *pattern, struct cv_err *err)
{
    struct cv_regex *allow = NULL;
    enum cv_rc rc = CV_OK;

    prov->env = cv_config_new();
    if (prov->env == NULL)
        return cv_fail_memory(err);
    if (pattern != NULL && cv_regex_new(pattern, false, &allow, err) != CV_OK)
        return cv_err_context(err, "config.providers.%s.param.allowlist.pattern", prov->name);
    for (char **entry = environ; rc == CV_OK && *entry != NULL; entry++) {
        size_t len = strcspn(*entry, "=");
        char *name;

        if ((*entry)[len] != '=' || (allow != NULL && !cv_regex_matches(allow, *entry, len)))
            continue;
        name = strndup(*entry, len);
        rc = name == NULL ? cv_fail_memory(err)
                          : cv_config_set(prov->env, name, *entry + len + 1, err);
        free(name);
    }
    cv_regex_free(allow);
    return rc;
}

/* Add a provider; by_default: nobody asked for it, so without allowed.paths no file is allowed. */
static enum cv_rc
add_provider(struct cv_secrets *secrets, const struct cv_config *worker, const char *name,
             enum kind kind, bool by_default, struct cv_err *err)
{
    struct provider *providers =
        realloc(secrets->providers, (secrets->count + 1) * sizeof(*providers));
    struct provider *prov;

    if (providers == NULL)
        return cv_fail_memory(err);
    secrets->providers = providers;
    prov = &providers[secrets->count++];
    *prov = (struct provider){ .name = strdup(name), .kind = kind };
    if (prov->name == NULL)
        return cv_fail_memory(err);
    if (kind == KIND_ENV)
        return set_env(prov, provider_option(worker, name, "param.allowlist.pattern"), err);
    return set_paths(prov, provider_option(worker, name, "param.allowed.paths"), by_default, err);
}

/* Add the provider of that name and its class. */
static enum cv_rc
add_named(struct cv_secrets *secrets, const struct cv_config *worker, const char *name,
          struct cv_err *err)
{
    const char *class = provider_option(worker, name, "class");
    const char *simple = class;

    if (class == NULL)
        return cv_fail(
            err, CV_INVALID,
            "Missing required configuration \"config.providers.%s.class\" which has no default "
            "value.",
            name);
    if (strncmp(class, CLASS_PREFIX, strlen(CLASS_PREFIX)) == 0)
        simple = class + strlen(CLASS_PREFIX);
    for (int kind = 0; kind < KIND_COUNT; kind++)
        if (strcmp(simple, class_names[kind]) == 0)
            return add_provider(secrets, worker, name, (enum kind)kind, false, err);
    return cv_fail(
        err, CV_INVALID,
        "Invalid value %s for configuration config.providers.%s.class: must be %s%s, %s or %s",
        class, name, CLASS_PREFIX, class_names[KIND_FILE], class_names[KIND_DIRECTORY],
        class_names[KIND_ENV]);
}

enum cv_rc
cv_secrets_new(const struct cv_config *worker, struct cv_secrets **ret, struct cv_err *err)
{
    struct cv_secrets *secrets = calloc(1, sizeof(*secrets));
    const char *names = cv_config_get(worker, "config.providers");
    struct cv_buf name = CV_BUF_INIT(1024);
    enum cv_rc rc = CV_OK;

    if (secrets == NULL)
        return cv_fail_memory(err);
    if (!cv_config_has(worker, "config.providers"))
        for (int kind = 0; rc == CV_OK && kind < KIND_COUNT; kind++)
            rc = add_provider(secrets, worker, default_names[kind], (enum kind)kind, true, err);
    while (rc == CV_OK && names != NULL && next_item(&names, &name)) {
        rc = cv_buf_check(&name, err);
        if (rc == CV_OK && name.len > 0)
            rc = add_named(secrets, worker, cv_buf_cstr(&name), err);
    }
    cv_buf_free(&name);
    if (rc == CV_OK)
        *ret = secrets;
    else
        cv_secrets_free(secrets);
    return rc;
}

void
cv_secrets_free(struct cv_secrets *secrets)
{
    if (secrets == NULL)
        return;
    for (size_t i = 0; i < secrets->count; i++)
        provider_done(&secrets->providers[i]);
    free(secrets->providers);
    free(secrets);
}

/* ---- references ---- */

/* The next reference from text on: "${", a provider up to the first colon, a path up to a second
   one, a key up to the brace. */
static bool
find_reference(const char *text, struct reference *ret)
{
    for (const char *start = strstr(text, "${"); start != NULL; start = strstr(start + 2, "${")) {
        const char *inside = start + 2;
        const char *brace = strchr(inside, '}');
        const char *first;
        const char *second;

        if (brace == NULL)
            return false;
        first = memchr(inside, ':', (size_t)(brace - inside));
        if (first == NULL)
            continue;
        second = memchr(first + 1, ':', (size_t)(brace - first - 1));
        *ret = (struct reference){ .start = start,
                                   .end = brace + 1,
                                   .provider = inside,
                                   .provider_len = (size_t)(first - inside),
                                   .path = first + 1,
                                   .path_len = second == NULL ? 0 : (size_t)(second - first - 1),
                                   .key = second == NULL ? first + 1 : second + 1 };
        ret->key_len = (size_t)(brace - ret->key);
        return true;
    }
    return false;
}

bool
cv_secret_is_reference(const char *text)
{
    struct reference ref;

    return find_reference(text, &ref);
}

/* What one call of cv_secrets_resolve has read already: a file is read once for all its keys. */
struct loaded {
    const struct provider *provider;
    char *path;
    struct cv_config *values;
};

struct resolution {
    const struct cv_secrets *secrets;
    struct loaded items[PATHS_MAX];
    size_t count;
    size_t bytes; /* of resolved values so far */
};

static const struct provider *
find_provider(const struct cv_secrets *secrets, const struct reference *ref)
{
    for (size_t i = 0; i < secrets->count; i++) {
        const char *name = secrets->providers[i].name;

        if (strlen(name) == ref->provider_len &&
            memcmp(name, ref->provider, ref->provider_len) == 0)
            return &secrets->providers[i];
    }
    return NULL;
}

/* The values of a provider's path; none when first asked for. */
static enum cv_rc
loaded_get(struct resolution *res, const struct provider *prov, const char *path,
           struct loaded **ret, struct cv_err *err)
{
    struct loaded *item;

    for (size_t i = 0; i < res->count; i++) {
        *ret = &res->items[i];
        if ((*ret)->provider == prov && strcmp((*ret)->path, path) == 0)
            return CV_OK;
    }
    if (res->count == PATHS_MAX)
        return cv_fail(err, CV_INVALID, "more than %d different paths are referred to", PATHS_MAX);
    item = &res->items[res->count];
    *item = (struct loaded){ .provider = prov, .path = strdup(path), .values = cv_config_new() };
    res->count++; /* also half made: resolution_done frees it */
    if (item->path == NULL || item->values == NULL)
        return cv_fail_memory(err);
    *ret = item;
    if (prov->kind == KIND_FILE && path[0] != '\0')
        return load_file(prov, path, item->values, err);
    return CV_OK;
}

static void
resolution_done(struct resolution *res)
{
    for (size_t i = 0; i < res->count; i++) {
        cv_config_free(res->items[i].values);
        free(res->items[i].path);
    }
}

/* The values of that path, with the one of key if there is one. Borrowed from res or the provider.
 */
static enum cv_rc
load(struct resolution *res, const struct provider *prov, const char *path, const char *key,
     const struct cv_config **ret, struct cv_err *err)
{
    struct loaded *loaded = NULL;
    enum cv_rc rc;

    if (prov->kind == KIND_ENV) {
        if (path[0] != '\0')
            return cv_fail(err, CV_INVALID,
                           "provider \"%s\": path \"%s\" given, but the environment has none",
                           prov->name, path);
        *ret = prov->env;
        return CV_OK;
    }
    rc = loaded_get(res, prov, path, &loaded, err);
    if (rc != CV_OK)
        return rc;
    if (prov->kind == KIND_DIRECTORY && path[0] != '\0' && !cv_config_has(loaded->values, key))
        rc = load_directory(prov, path, key, loaded->values, err);
    *ret = loaded->values;
    return rc;
}

/* Append what a reference stands for, or its own text. */
static enum cv_rc
put_reference(struct resolution *res, const struct reference *ref, struct cv_buf *out,
              struct cv_err *err)
{
    const struct provider *prov = find_provider(res->secrets, ref);
    const struct cv_config *values = NULL;
    const char *value = NULL;
    char *path = strndup(ref->path, ref->path_len);
    char *key = strndup(ref->key, ref->key_len);
    enum cv_rc rc = CV_OK;

    if (path == NULL || key == NULL)
        rc = cv_fail_memory(err);
    else if (prov != NULL)
        rc = load(res, prov, path, key, &values, err);
    if (rc == CV_OK && values != NULL)
        value = cv_config_get(values, key);
    if (value != NULL)
        cv_buf_str(out, value);
    else
        cv_buf_add(out, ref->start, (size_t)(ref->end - ref->start));
    free(path);
    free(key);
    return rc;
}

static enum cv_rc
resolve_value(struct resolution *res, const char *text, struct cv_buf *out, struct cv_err *err)
{
    struct reference ref;
    enum cv_rc rc = CV_OK;

    while (rc == CV_OK && find_reference(text, &ref)) {
        cv_buf_add(out, text, (size_t)(ref.start - text));
        rc = put_reference(res, &ref, out, err);
        text = ref.end;
    }
    cv_buf_str(out, text);
    if (rc == CV_OK)
        rc = cv_buf_check(out, err);
    res->bytes += out->len;
    if (rc == CV_OK && res->bytes > TOTAL_MAX)
        rc = cv_fail(err, CV_INVALID, "the resolved references exceed %zu bytes", TOTAL_MAX);
    return rc;
}

enum cv_rc
cv_secrets_resolve(const struct cv_secrets *secrets, const struct cv_config *cfg,
                   struct cv_config **ret, struct cv_err *err)
{
    struct resolution res = { .secrets = secrets };
    struct cv_config *out = cv_config_copy(cfg);
    struct cv_buf value = CV_BUF_INIT(VALUE_MAX);
    enum cv_rc rc = CV_OK;

    if (out == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; rc == CV_OK && i < cv_config_count(cfg); i++) {
        const char *text = cv_config_value(cfg, i);

        if (text == NULL || !cv_secret_is_reference(text))
            continue;
        cv_buf_reset(&value);
        rc = resolve_value(&res, text, &value, err);
        if (rc == CV_OK)
            rc = cv_config_set(out, cv_config_key(cfg, i), cv_buf_cstr(&value), err);
        else
            (void)cv_err_context(err, "could not resolve the references in %s",
                                 cv_config_key(cfg, i));
    }
    cv_buf_wipe(&value);
    resolution_done(&res);
    if (rc == CV_OK)
        *ret = out;
    else
        cv_config_free(out);
    return rc;
}
