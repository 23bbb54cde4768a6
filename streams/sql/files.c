/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a pipeline: a directory of *.sql, read in name order as one unit. */
#include "streams/sql/parser.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"

#define FILE_BYTES_MAX ((size_t)4 << 20)

static int
is_sql_file(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    return entry->d_name[0] != '.' && len > 4 && strcmp(entry->d_name + len - 4, ".sql") == 0;
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static enum cv_rc
read_file(const char *path, struct cv_buf *out, struct cv_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum cv_rc rc = CV_OK;
    ssize_t n;

    if (fd < 0)
        return cv_fail_errno(err, CV_INVALID, errno, "could not open \"%s\"", path);
    do {
        char *room = cv_buf_reserve(out, 65536);

        if (room == NULL) {
            rc = cv_buf_check(out, err);
            cv_err_context(err, "\"%s\"", path);
            break;
        }
        n = read(fd, room, 65536);
        if (n > 0)
            cv_buf_used(out, (size_t)n);
        else if (n < 0 && errno != EINTR)
            rc = cv_fail_errno(err, CV_INVALID, errno, "could not read \"%s\"", path);
    } while (rc == CV_OK && n != 0);
    close(fd);
    return rc;
}

static enum cv_rc
parse_file(struct sql_unit *unit, const char *path, struct cv_arena *arena, struct sql_diags *diags,
           struct cv_err *err)
{
    struct cv_buf text = CV_BUF_INIT(FILE_BYTES_MAX);
    const char *name = cv_arena_strdup(arena, path);
    enum cv_rc rc;

    if (name == NULL)
        return cv_fail_memory(err);
    rc = read_file(path, &text, err);
    if (rc == CV_OK)
        rc = sql_parse(unit, name, cv_buf_cstr(&text), text.len, arena, diags, err);
    cv_buf_free(&text);
    return rc;
}

enum cv_rc
sql_parse_dir(struct sql_unit *unit, const char *dir, struct cv_arena *arena,
              struct sql_diags *diags, struct cv_err *err)
{
    struct dirent **names = NULL;
    enum cv_rc rc = CV_OK;
    int count = scandir(dir, &names, is_sql_file, by_name);

    if (count < 0)
        return cv_fail_errno(err, CV_INVALID, errno, "could not read the pipeline directory \"%s\"",
                             dir);
    if (count == 0)
        rc = cv_fail(err, CV_INVALID, "the directory \"%s\" has no *.sql files", dir);
    for (int i = 0; i < count; i++) {
        char path[4096];
        size_t len = strlen(dir);

        if (rc == CV_OK) {
            snprintf(path, sizeof(path), "%s%s%s", dir, len > 0 && dir[len - 1] == '/' ? "" : "/",
                     names[i]->d_name);
            rc = parse_file(unit, path, arena, diags, err);
        }
        free(names[i]);
    }
    free(names);
    return rc;
}
