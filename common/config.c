/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration as text: keys and values in order of insertion. An array keeps the order, a hash
 * map beside it finds a key, so that a request body of a hundred thousand keys costs no more than
 * its size. All values are wiped before their memory goes back: any of them may have come from a
 * reference to a secret. An object belongs to whoever holds it; nothing here locks.
 */
#include <config.h>

#include <culvert/config.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/map.h"
#include "common/secret.h"

struct pair {
    char *key;
    char *value; /* NULL: the null value */
};

struct cv_config {
    struct pair *pairs;
    size_t count;
    size_t cap;
    struct cv_hash *index; /* key to position + 1 */
};

static void
value_free(char *value)
{
    if (value != NULL)
        cv_secret_wipe(value, strlen(value));
    free(value);
}

static void
pair_done(struct pair *pair)
{
    value_free(pair->value);
    free(pair->key);
}

/* The pair of that key, NULL if there is none. */
static struct pair *
pair_find(const struct cv_config *cfg, const char *key)
{
    size_t at = (size_t)(uintptr_t)cv_hash_get(cfg->index, key);

    return at == 0 ? NULL : &cfg->pairs[at - 1];
}

static bool
index_put(struct cv_config *cfg, const char *key, size_t i)
{
    return cv_hash_put(cfg->index, key, (void *)(uintptr_t)(i + 1));
}

struct cv_config *
cv_config_new(void)
{
    struct cv_config *cfg = calloc(1, sizeof(*cfg));

    if (cfg == NULL)
        return NULL;
    cfg->index = cv_hash_new(NULL);
    if (cfg->index == NULL) {
        free(cfg);
        return NULL;
    }
    return cfg;
}

void
cv_config_free(struct cv_config *cfg)
{
    if (cfg == NULL)
        return;
    for (size_t i = 0; i < cfg->count; i++)
        pair_done(&cfg->pairs[i]);
    free(cfg->pairs);
    cv_hash_free(cfg->index);
    free(cfg);
}

static bool
grow(struct cv_config *cfg)
{
    size_t cap = cfg->cap == 0 ? 16 : cfg->cap * 2;
    struct pair *pairs = realloc(cfg->pairs, cap * sizeof(*pairs));

    if (pairs == NULL)
        return false;
    cfg->pairs = pairs;
    cfg->cap = cap;
    return true;
}

/* Append a pair whose key is not there yet; takes value on success only. */
static bool
append(struct cv_config *cfg, const char *key, char *value)
{
    char *name;

    if (cfg->count == cfg->cap && !grow(cfg))
        return false;
    name = strdup(key);
    if (name == NULL)
        return false;
    if (!index_put(cfg, name, cfg->count)) {
        free(name);
        return false;
    }
    cfg->pairs[cfg->count++] = (struct pair){ .key = name, .value = value };
    return true;
}

enum cv_rc
cv_config_set(struct cv_config *cfg, const char *key, const char *value, struct cv_err *err)
{
    struct pair *pair = pair_find(cfg, key);
    char *copy = NULL;

    if (value != NULL) {
        copy = strdup(value);
        if (copy == NULL)
            return cv_fail_memory(err);
    }
    if (pair != NULL) {
        value_free(pair->value);
        pair->value = copy;
        return CV_OK;
    }
    if (!append(cfg, key, copy)) {
        value_free(copy);
        return cv_fail_memory(err);
    }
    return CV_OK;
}

void
cv_config_remove(struct cv_config *cfg, const char *key)
{
    struct pair *pair = pair_find(cfg, key);
    size_t at;

    if (pair == NULL)
        return;
    at = (size_t)(pair - cfg->pairs);
    cv_hash_remove(cfg->index, key);
    pair_done(pair);
    cfg->count--;
    memmove(pair, pair + 1, (cfg->count - at) * sizeof(*pair));
    for (size_t i = at; i < cfg->count; i++) {
        bool replaced = index_put(cfg, cfg->pairs[i].key, i);

        assert(replaced); /* the key is there: replacing its value allocates nothing */
        (void)replaced;
    }
}

const char *
cv_config_get(const struct cv_config *cfg, const char *key)
{
    const struct pair *pair = pair_find(cfg, key);

    return pair == NULL ? NULL : pair->value;
}

bool
cv_config_has(const struct cv_config *cfg, const char *key)
{
    return pair_find(cfg, key) != NULL;
}

size_t
cv_config_count(const struct cv_config *cfg)
{
    return cfg->count;
}

const char *
cv_config_key(const struct cv_config *cfg, size_t i)
{
    assert(i < cfg->count);
    return cfg->pairs[i].key;
}

const char *
cv_config_value(const struct cv_config *cfg, size_t i)
{
    assert(i < cfg->count);
    return cfg->pairs[i].value;
}

bool
cv_config_equal(const struct cv_config *a, const struct cv_config *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct pair *pa = &a->pairs[i];
        const struct pair *pb = pair_find(b, pa->key);

        if (pb == NULL || (pa->value == NULL) != (pb->value == NULL))
            return false;
        if (pa->value != NULL && strcmp(pa->value, pb->value) != 0)
            return false;
    }
    return true;
}

struct cv_config *
cv_config_copy(const struct cv_config *cfg)
{
    return cv_config_with_prefix(cfg, "");
}

struct cv_config *
cv_config_with_prefix(const struct cv_config *cfg, const char *prefix)
{
    size_t len = strlen(prefix);
    struct cv_config *copy = cv_config_new();
    struct cv_err err = CV_ERR_INIT;

    if (copy == NULL)
        return NULL;
    for (size_t i = 0; i < cfg->count; i++) {
        const struct pair *pair = &cfg->pairs[i];

        if (strncmp(pair->key, prefix, len) != 0 || (len > 0 && pair->key[len] == '\0'))
            continue;
        if (cv_config_set(copy, pair->key + len, pair->value, &err) != CV_OK) {
            cv_config_free(copy);
            return NULL;
        }
    }
    return copy;
}
