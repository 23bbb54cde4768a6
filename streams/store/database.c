/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One SQLite connection and its statements; see database.h.
 *
 * Settings as measured for this use: WAL with synchronous=NORMAL (Kafka gives durability, SQLite
 * must only stay consistent), a 64 MB cache, few checkpoints, no automatic indexes, no secure
 * delete. temp_store must stay in files: with MEMORY, SQLite walks the statement journal's chunk
 * list at every statement end. glibc must not return memory at every statement end either, hence
 * M_TRIM_THRESHOLD and M_TOP_PAD.
 */
#include "streams/store/database.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"
#include "streams/store/shared_map.h"
#include "streams/store/sqlite.h"
#include "streams/store/table.h"

#define APPLICATION_ID 0x43564C54 /* "CVLT" */
#define USER_VERSION   1
#define MAP_BYTES      ((int64_t)1 << 30)
#define PAGE_BYTES     4096 /* SQLite's default */
#define UNIX_EPOCH_MS  INT64_C(210866760000000) /* Julian day number of 1970-01-01, in ms */

bool
cell_equal(const struct cell *a, const struct cell *b)
{
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case CELL_INTEGER:
        return a->integer == b->integer;
    case CELL_REAL:
        return a->real == b->real;
    case CELL_TEXT:
    case CELL_BLOB:
        return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
    default:
        return true;
    }
}

void
db_process_init(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
#ifdef M_TRIM_THRESHOLD
    mallopt(M_TRIM_THRESHOLD, 512 << 20);
    mallopt(M_TOP_PAD, 64 << 20);
    mallopt(M_ARENA_MAX, 2); /* clients' threads would each keep what they once needed */
#endif
}

const char *
db_library_version(void)
{
    return sqlite3_libversion();
}

static enum db_fault
fault_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return DB_FAULT_NONE;
    case SQLITE_ERROR:
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
    case SQLITE_AUTH:
        return DB_FAULT_DATA;
    case SQLITE_FULL:
        return DB_FAULT_FULL;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return DB_FAULT_CORRUPT;
    case SQLITE_IOERR:
        return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? DB_FAULT_FULL
                                                                    : DB_FAULT_OTHER;
    default:
        return DB_FAULT_OTHER;
    }
}

enum cv_rc
db_fail(struct database *db, struct cv_err *err, const char *fmt, ...)
{
    int code = sqlite3_extended_errcode(db->handle);
    char context[512];
    va_list args;
    enum cv_rc rc;

    db->fault = fault_of(code);
    va_start(args, fmt);
    vsnprintf(context, sizeof(context), fmt, args);
    va_end(args);
    switch (db->fault) {
    case DB_FAULT_DATA:
        rc = CV_INVALID;
        break;
    case DB_FAULT_FULL:
        rc = CV_NO_MEMORY;
        break;
    default:
        rc = (code & 0xff) == SQLITE_NOMEM ? CV_NO_MEMORY : CV_INTERNAL;
        break;
    }
    return cv_fail(err, rc, "%s%s%s%s%s", context, context[0] != '\0' ? ": " : "",
                   sqlite3_errmsg(db->handle),
                   db->fault == DB_FAULT_FULL ? "; make room on the file system of " : "",
                   db->fault == DB_FAULT_FULL ? db->path : "");
}

/* ---- the clock ---- */

static int
vfs_now(sqlite3_vfs *vfs, sqlite3_int64 *ret)
{
    const struct db_vfs *v = cv_container_of(vfs, struct db_vfs, vfs);

    *ret = UNIX_EPOCH_MS + (v->now_ms != 0 ? v->now_ms : cv_now_ms());
    return SQLITE_OK;
}

static int
vfs_now_days(sqlite3_vfs *vfs, double *ret)
{
    sqlite3_int64 ms;

    vfs_now(vfs, &ms);
    *ret = (double)ms / 86400000.0;
    return SQLITE_OK;
}

static struct db_vfs *
vfs_new(void)
{
    static atomic_uint serial;
    struct db_vfs *v = calloc(1, sizeof(*v));

    if (v == NULL)
        return NULL;
    v->vfs = *sqlite3_vfs_find(NULL);
    snprintf(v->name, sizeof(v->name), "culvert-%u", atomic_fetch_add(&serial, 1));
    v->vfs.zName = v->name;
    v->vfs.pNext = NULL;
    v->vfs.xCurrentTimeInt64 = vfs_now;
    v->vfs.xCurrentTime = vfs_now_days;
    shared_map_install(&v->vfs);
    if (sqlite3_vfs_register(&v->vfs, 0) != SQLITE_OK) {
        free(v);
        return NULL;
    }
    return v;
}

static void
vfs_free(struct db_vfs *v)
{
    if (v == NULL)
        return;
    sqlite3_vfs_unregister(&v->vfs);
    free(v);
}

void
db_clock_set(struct database *db, int64_t now_ms)
{
    db->vfs->now_ms = now_ms;
}

int64_t
db_clock(const struct database *db)
{
    return db->vfs->now_ms != 0 ? db->vfs->now_ms : cv_now_ms();
}

/* ---- open and close ---- */

static enum cv_rc
connect_to(const char *path, int flags, struct database **ret, struct cv_err *err)
{
    struct database *db = calloc(1, sizeof(*db));
    enum cv_rc rc = CV_OK;

    if (db == NULL)
        return cv_fail_memory(err);
    db->watermark_ms = TIME_NONE;
    db->path = strdup(path);
    db->vfs = vfs_new();
    if (db->path == NULL || db->vfs == NULL) {
        rc = cv_fail_memory(err);
    } else if (sqlite3_open_v2(path, &db->handle, flags | SQLITE_OPEN_NOMUTEX, db->vfs->name) !=
               SQLITE_OK) {
        rc = db->handle == NULL ? cv_fail_memory(err)
                                : db_fail(db, err, "could not open \"%s\"", path);
    } else {
        sqlite3_extended_result_codes(db->handle, 1);
        sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DQS_DML, 0, NULL); /* "x" is never a string */
        sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    }
    if (rc != CV_OK) {
        db_close(db);
        return rc;
    }
    *ret = db;
    return CV_OK;
}

enum cv_rc
db_open_memory(struct database **ret, struct cv_err *err)
{
    return connect_to(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, ret, err);
}

static uint32_t
be32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static enum cv_rc
find_file(const char *path, struct cv_err *err)
{
    struct stat info;

    if (lstat(path, &info) != 0)
        return cv_fail_errno(err, errno == ENOENT ? CV_NOT_FOUND : CV_INVALID, errno,
                             "could not open \"%s\"", path);
    if (!S_ISREG(info.st_mode))
        return cv_fail(err, CV_INVALID,
                       "\"%s\" is no regular file; move it away or set another state.dir", path);
    return CV_OK;
}

/* SQLite file format, 1.3 The Database Header: user_version at 60, application_id at 68. */
static enum cv_rc
recognise(const char *path, struct cv_err *err)
{
    unsigned char header[100];
    ssize_t n;
    int fd;

    if (find_file(path, err) != CV_OK)
        return err->rc;
    fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return cv_fail_errno(err, CV_INVALID, errno, "could not open \"%s\" for writing", path);
    n = read(fd, header, sizeof(header));
    close(fd);
    if (n != (ssize_t)sizeof(header) || memcmp(header, "SQLite format 3", 16) != 0)
        return cv_fail(
            err, CV_INVALID,
            "\"%s\" is no SQLite database; move it away and the state is rebuilt from the topics",
            path);
    if (be32(header + 68) != APPLICATION_ID)
        return cv_fail(
            err, CV_INVALID,
            "\"%s\" is a database of another application; move it away or set another state.dir",
            path);
    if (be32(header + 60) > USER_VERSION)
        return cv_fail(err, CV_INVALID,
                       "\"%s\" was written by a newer version (format %u, this one knows %d); use "
                       "that version "
                       "or move the file away to rebuild the state from the topics",
                       path, (unsigned)be32(header + 60), USER_VERSION);
    return CV_OK;
}

enum cv_rc
db_open(const char *path, enum db_access access, struct database **ret, bool *ret_corrupt,
        struct cv_err *err)
{
    static const char pragmas[] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
                                  "PRAGMA cache_size=-65536; PRAGMA wal_autocheckpoint=4000;"
                                  "PRAGMA temp_store=DEFAULT; PRAGMA secure_delete=OFF;"
                                  "PRAGMA automatic_index=OFF; PRAGMA foreign_keys=OFF;"
                                  "PRAGMA locking_mode=NORMAL; PRAGMA busy_timeout=0;";
    struct database *db = NULL;
    enum cv_rc rc;

    *ret_corrupt = false;
    /* Who reads looks at a file that a task has open: closing it would give up the task's locks (POSIX). */
    rc = access == DB_WRITE ? recognise(path, err) : find_file(path, err);
    if (rc != CV_OK)
        return rc;
    rc = connect_to(path, access == DB_WRITE ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY, &db,
                    err);
    if (rc == CV_OK)
        rc = db_exec(
            db, access == DB_WRITE ? pragmas : "PRAGMA query_only=ON; PRAGMA busy_timeout=1000;",
            err);
    /* The first read of the schema finds what is wrong with page 1. */
    if (rc == CV_OK)
        rc = db_exec(db, "SELECT count(*) FROM sqlite_schema", err);
    if (rc != CV_OK) {
        *ret_corrupt = db != NULL && db->fault == DB_FAULT_CORRUPT;
        cv_err_context(err, "state file \"%s\"", path);
        db_close(db);
        return rc;
    }
    *ret = db;
    return CV_OK;
}

static void
sync_directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *dir = slash == NULL ? strdup(".") : strndup(path, (size_t)(slash - path) + 1);
    int fd = dir == NULL ? -1 : open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(dir);
}

enum cv_rc
db_create(const char *path, const char *ddl, struct cv_err *err)
{
    struct cv_buf tmp = CV_BUF_INIT(4096);
    struct cv_buf sql = CV_BUF_INIT((size_t)8 << 20);
    struct database *db = NULL;
    enum cv_rc rc;

    cv_buf_printf(&tmp, "%s.new", path);
    cv_buf_printf(&sql,
                  "PRAGMA journal_mode=DELETE; PRAGMA synchronous=FULL; PRAGMA application_id=%d;"
                  "PRAGMA user_version=%d; BEGIN; %s; COMMIT;",
                  APPLICATION_ID, USER_VERSION, ddl);
    rc = cv_buf_check(&tmp, err);
    if (rc == CV_OK)
        rc = cv_buf_check(&sql, err);
    if (rc != CV_OK)
        goto out;
    if (access(path, F_OK) == 0) {
        rc = cv_fail(err, CV_CONFLICT, "\"%s\" exists", path);
        goto out;
    }
    rc = db_remove(cv_buf_cstr(&tmp), err); /* what a crash left */
    if (rc == CV_OK)
        rc = connect_to(cv_buf_cstr(&tmp), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &db, err);
    if (rc == CV_OK)
        rc = db_exec(db, cv_buf_cstr(&sql), err);
    db_close(db);
    /* A WAL whose file was moved away would be replayed into the new one. */
    if (rc == CV_OK)
        rc = db_remove(path, err);
    if (rc == CV_OK && rename(cv_buf_cstr(&tmp), path) != 0)
        rc = cv_fail_errno(err, CV_INTERNAL, errno, "could not rename \"%s\"", cv_buf_cstr(&tmp));
    if (rc == CV_OK)
        sync_directory_of(path);
    else
        cv_err_context(err, "could not create the state file \"%s\"", path);
out:
    cv_buf_free(&tmp);
    cv_buf_free(&sql);
    return rc;
}

enum cv_rc
db_remove(const char *path, struct cv_err *err)
{
    static const char *const suffixes[] = { "-wal", "-shm", "-journal", "" };

    for (size_t i = 0; i < CV_COUNT(suffixes); i++) {
        char name[4096];

        if ((size_t)snprintf(name, sizeof(name), "%s%s", path, suffixes[i]) >= sizeof(name))
            return cv_fail(err, CV_INVALID, "the path \"%s\" is too long", path);
        if (unlink(name) != 0 && errno != ENOENT)
            return cv_fail_errno(err, CV_INTERNAL, errno, "could not remove \"%s\"", name);
    }
    return CV_OK;
}

void
db_close(struct database *db)
{
    if (db == NULL)
        return;
    if (db->handle != NULL)
        sqlite3_close_v2(db->handle);
    vfs_free(db->vfs);
    free(db->path);
    free(db);
}

enum cv_rc
db_check(struct database *db, struct cv_err *err)
{
    struct statement *st = NULL;
    bool row = false;
    enum cv_rc rc = db_prepare(db, "PRAGMA quick_check(1)", &st, NULL, err);

    if (rc == CV_OK)
        rc = statement_step(db, st, &row, err);
    if (rc == CV_OK && row && strcmp(statement_text(st, 0), "ok") != 0) {
        rc = cv_fail(err, CV_INTERNAL, "the state file \"%s\" is damaged: %s", db->path,
                     statement_text(st, 0));
        db->fault = DB_FAULT_CORRUPT;
    }
    statement_free(st);
    return rc;
}

enum cv_rc
db_attach(struct database *db, const char *path, const char *schema, struct cv_err *err)
{
    struct statement *st = NULL;
    enum cv_rc rc = db_prepare(db, "ATTACH ?1 AS ?2", &st, NULL, err);

    if (rc == CV_OK) {
        statement_bind_text(st, 1, path);
        statement_bind_text(st, 2, schema);
        rc = statement_run(db, st, err);
    }
    statement_free(st);
    if (rc == CV_OK) {
        struct cv_buf sql = CV_BUF_INIT(1024);

        cv_buf_str(&sql, "PRAGMA ");
        cv_buf_sql_ident(&sql, schema);
        cv_buf_printf(&sql, ".mmap_size=%lld; PRAGMA ", (long long)MAP_BYTES);
        cv_buf_sql_ident(&sql, schema);
        cv_buf_str(&sql, ".cache_size=-16384");
        rc = db_exec(db, cv_buf_cstr(&sql), err);
        cv_buf_free(&sql);
    }
    return rc;
}

/* SQLite: "Online Backup API"; from must have nothing that is not committed. */
enum cv_rc
db_copy_memory(struct database *from, struct database *to, int64_t max_bytes, struct cv_err *err)
{
    sqlite3_backup *copy = sqlite3_backup_init(to->handle, "temp", from->handle, TABLE_IN_MEMORY);
    int64_t bytes;
    int code;

    if (copy == NULL)
        return db_fail(to, err, "could not copy the tables in memory");
    code = sqlite3_backup_step(copy, 0); /* which only looks */
    bytes = (int64_t)sqlite3_backup_pagecount(copy) * PAGE_BYTES;
    if (code == SQLITE_OK && bytes <= max_bytes)
        code = sqlite3_backup_step(copy, -1);
    sqlite3_backup_finish(copy);
    if (bytes > max_bytes)
        return cv_fail(err, CV_INVALID, "the tables in memory have %lld MB, more than the %lld MB that are copied for a query",
                       (long long)(bytes >> 20), (long long)(max_bytes >> 20));
    if (code != SQLITE_OK && code != SQLITE_DONE)
        return cv_fail(err, CV_INTERNAL, "could not copy the tables in memory: %s", sqlite3_errstr(code));
    return CV_OK;
}

void
db_checkpoint(struct database *db)
{
    sqlite3_wal_checkpoint_v2(db->handle, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

void
db_truncate_wal(struct database *db)
{
    sqlite3_wal_checkpoint_v2(db->handle, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
}

enum cv_rc
db_exec(struct database *db, const char *sql, struct cv_err *err)
{
    errno = 0;
    if (sqlite3_exec(db->handle, sql, NULL, NULL, NULL) != SQLITE_OK)
        return db_fail(db, err, "SQLite");
    return CV_OK;
}

/* ---- transactions ---- */

enum cv_rc
db_begin(struct database *db, struct cv_err *err)
{
    /* Not IMMEDIATE: that would lock attached files, too, which others write. */
    return db_in_transaction(db) ? CV_OK : db_exec(db, "BEGIN", err);
}

enum cv_rc
db_commit(struct database *db, struct cv_err *err)
{
    return db_in_transaction(db) ? db_exec(db, "COMMIT", err) : CV_OK;
}

void
db_rollback(struct database *db)
{
    if (db_in_transaction(db))
        sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
}

bool
db_in_transaction(const struct database *db)
{
    return sqlite3_get_autocommit(db->handle) == 0;
}

enum db_fault
db_fault(const struct database *db)
{
    return db->fault;
}

int
db_error_offset(const struct database *db)
{
    return db->error_offset;
}

int64_t
db_bytes(struct database *db)
{
    struct statement *st = NULL;
    struct cv_err err = CV_ERR_INIT;
    int64_t bytes = 0;
    bool row;

    if (db_prepare(db, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
                   &st, NULL, &err) == CV_OK &&
        statement_step(db, st, &row, &err) == CV_OK && row)
        bytes = statement_int(st, 0);
    statement_free(st);
    return bytes;
}

const char *
db_path(const struct database *db)
{
    return db->path;
}

/* ---- what functions ask for ---- */

void
db_watermark_set(struct database *db, int64_t watermark_ms)
{
    db->watermark_ms = watermark_ms;
}

void
db_closing_set(struct database *db, int64_t from_ms, int64_t to_ms)
{
    db->close_from_ms = from_ms;
    db->close_to_ms = to_ms;
}

void
db_late_set(struct database *db, db_late *take, void *arg)
{
    db->late = take;
    db->late_arg = arg;
}

void
db_header_set(struct database *db, db_header *find, void *arg)
{
    db->header = find;
    db->header_arg = arg;
}

enum cv_rc
db_extension(struct database *db, const char *path, struct cv_err *err)
{
    char *problem = NULL;
    int code;

    /* Switched on for this call only, and never for SQL. */
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1, NULL);
    code = sqlite3_load_extension(db->handle, path, NULL, &problem);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    if (code != SQLITE_OK)
        cv_fail(err, CV_INVALID, "could not load the extension \"%s\": %s", path,
                problem != NULL ? problem : sqlite3_errstr(code));
    sqlite3_free(problem);
    return code == SQLITE_OK ? CV_OK : CV_INVALID;
}
