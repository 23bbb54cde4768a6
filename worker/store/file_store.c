/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offsets in a file. All entries are kept in memory as they stand in the file; a flush writes them to a file beside
 * it, syncs and renames, so that a crash leaves the old file or the new one. A tombstone removes its entry: Java
 * would keep it with a null value, which it reads as "no offset" just the same.
 *
 * Two workers with one file would write over each other's offsets: who has it holds a lock on a file beside it, as it
 * is replaced itself.
 *
 * Source: org.apache.kafka.connect.storage.FileOffsetBackingStore.
 */
#include <config.h>

#include "worker/store/file_store.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/map.h"
#include "worker/store/java_map.h"

#define FILE_MAX ((size_t)1 << 30)

struct file_store {
    char *path;
    int lock; /* -1: none */
    struct cv_hash *entries; /* struct value by key bytes */
};

struct value {
    size_t len;
    char data[];
};

enum cv_rc
file_store_new(const char *path, struct file_store **ret, struct cv_err *err)
{
    struct file_store *store = calloc(1, sizeof(*store));

    if (store == NULL)
        return cv_fail_memory(err);
    store->lock = -1;
    if ((store->path = strdup(path)) == NULL || (store->entries = cv_hash_new(free)) == NULL) {
        file_store_free(store);
        return cv_fail_memory(err);
    }
    *ret = store;
    return CV_OK;
}

void
file_store_free(struct file_store *store)
{
    if (store == NULL)
        return;
    if (store->lock >= 0)
        (void)close(store->lock);
    cv_hash_free(store->entries);
    free(store->path);
    free(store);
}

static enum cv_rc
put(void *arg, const struct cv_bytes *key, const struct cv_bytes *value, struct cv_err *err)
{
    struct file_store *store = arg;
    struct value *copy;

    if (key->data == NULL) /* a key of null, which no worker writes */
        return CV_OK;
    if (value->data == NULL) {
        cv_hash_remove_bytes(store->entries, key->data, key->len);
        return CV_OK;
    }
    copy = malloc(sizeof(*copy) + value->len);
    if (copy == NULL)
        return cv_fail_memory(err);
    copy->len = value->len;
    memcpy(copy->data, value->data, value->len);
    if (!cv_hash_put_bytes(store->entries, key->data, key->len, copy)) {
        free(copy);
        return cv_fail_memory(err);
    }
    return CV_OK;
}

/* ---- reading ---- */

static enum cv_rc
read_file(const char *path, struct cv_buf *out, struct cv_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = 1;

    if (fd < 0 && errno == ENOENT)
        return CV_OK; /* the first start */
    if (fd < 0)
        return cv_fail_errno(err, CV_INVALID, errno, "cannot read offset.storage.file.filename \"%s\"", path);
    while (n > 0) {
        char *room = cv_buf_reserve(out, 64 << 10);

        if (room == NULL)
            break;
        n = read(fd, room, 64 << 10);
        if (n > 0)
            cv_buf_used(out, (size_t)n);
        else if (n < 0 && errno == EINTR)
            n = 1;
    }
    if (n < 0)
        (void)cv_fail_errno(err, CV_INVALID, errno, "cannot read offset.storage.file.filename \"%s\"", path);
    (void)close(fd);
    return n < 0 ? CV_INVALID : cv_buf_check(out, err);
}

/* Where no lock file can be made no offsets can be written either, which says more. */
static enum cv_rc
lock_file(struct file_store *store, struct cv_err *err)
{
    char beside[PATH_MAX];

    if (store->lock >= 0 || (size_t)snprintf(beside, sizeof(beside), "%s.lock", store->path) >= sizeof(beside))
        return CV_OK;
    store->lock = open(beside, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (store->lock < 0 || flock(store->lock, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
        return CV_OK;
    return cv_fail(err, CV_INVALID,
                   "offset.storage.file.filename \"%s\" is in use by another worker: stop that one, or name another file",
                   store->path);
}

static enum cv_rc
load(void *arg, cv_local_log_each *each, void *each_arg, struct cv_err *err)
{
    struct file_store *store = arg;
    struct cv_buf bytes = CV_BUF_INIT(FILE_MAX);
    struct cv_hash_entry at;
    size_t i = 0;
    enum cv_rc rc = lock_file(store, err) == CV_OK ? read_file(store->path, &bytes, err) : err->rc;

    if (rc == CV_OK && bytes.len > 0) { /* Java takes an empty file for none, too */
        rc = java_map_read(bytes.data, bytes.len, put, store, err);
        if (rc == CV_INVALID)
            rc = cv_err_context(err, "\"%s\" is not the offset file of a Connect worker; move it away, or name another "
                                "one in offset.storage.file.filename", store->path);
    }
    cv_buf_free(&bytes);
    while (rc == CV_OK && cv_hash_next(store->entries, &i, &at)) {
        const struct value *value = at.value;

        each(each_arg, (struct cv_bytes){ at.key, at.key_len }, (struct cv_bytes){ value->data, value->len });
    }
    return rc;
}

/* ---- writing ---- */

static enum cv_rc
save(void *arg, struct cv_bytes key, struct cv_bytes value, struct cv_err *err)
{
    return put(arg, &key, &value, err);
}

static void
format(const struct file_store *store, struct cv_buf *out)
{
    struct java_map_writer writer;
    struct cv_hash_entry at;
    size_t i = 0;

    java_map_begin(&writer, out, (uint32_t)cv_hash_count(store->entries));
    while (cv_hash_next(store->entries, &i, &at)) {
        const struct value *value = at.value;

        java_map_put(&writer, &(struct cv_bytes){ at.key, at.key_len },
                     &(struct cv_bytes){ value->data, value->len });
    }
    java_map_end(&writer);
}

static bool
write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return fsync(fd) == 0;
}

/* The rename lasts when the folder is on disk. */
static void
sync_folder(const char *path)
{
    char copy[PATH_MAX];
    int fd;

    if ((size_t)snprintf(copy, sizeof(copy), "%s", path) >= sizeof(copy))
        return;
    fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd);
    (void)close(fd);
}

static enum cv_rc
replace_file(const char *path, const struct cv_buf *bytes, struct cv_err *err)
{
    struct cv_buf beside = CV_BUF_INIT(PATH_MAX + 16);
    enum cv_rc rc;
    bool written;
    int fd;

    cv_buf_printf(&beside, "%s.tmp", path);
    rc = cv_buf_check(&beside, err);
    if (rc != CV_OK)
        goto out;
    fd = open(cv_buf_cstr(&beside), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        rc = cv_fail_errno(err, CV_RETRY, errno, "could not write offsets to \"%s\"", cv_buf_cstr(&beside));
        goto out;
    }
    written = write_all(fd, bytes->data, bytes->len);
    if (close(fd) != 0 || !written || rename(cv_buf_cstr(&beside), path) != 0) {
        rc = cv_fail_errno(err, CV_RETRY, errno, "could not write offsets to \"%s\"", path);
        (void)unlink(cv_buf_cstr(&beside));
        goto out;
    }
    sync_folder(path);
out:
    cv_buf_free(&beside);
    return rc;
}

static enum cv_rc
flush(void *arg, struct cv_err *err)
{
    struct file_store *store = arg;
    struct cv_buf bytes = CV_BUF_INIT(FILE_MAX);
    enum cv_rc rc;

    format(store, &bytes);
    rc = cv_buf_check(&bytes, err);
    if (rc == CV_OK)
        rc = replace_file(store->path, &bytes, err);
    cv_buf_free(&bytes);
    return rc;
}

struct cv_local_log
file_store_local(struct file_store *store)
{
    return (struct cv_local_log){ .arg = store, .load = load, .save = save, .flush = flush };
}
