/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A state file as a task (or the keeper of the GLOBAL tables) uses it: opened, recognised or made
 * anew, with the engine's own tables beside those of the pipeline:
 *
 * - _culvert_meta (k, v): owner, generation, tables, changelog (next offset), last_alive_ms, clean
 * - _culvert_offsets: where each input stood at the last commit; for the reader with a shell, and
 *   for the GLOBAL tables, which have no changelog, where to go on
 */
#ifndef STREAMS_STORE_STATE_H
#define STREAMS_STORE_STATE_H

#include "common/log.h"
#include "streams/store/database.h"

/* How far an input was read, and its mark against redelivered events. */
struct position {
    int64_t next_offset;
    int64_t clock_ms;   /* highest commit time; 0: none */
    int64_t commit_lsn; /* mark: of the newest live event; 0: none or unknown */
    int64_t lsn;
    int64_t snapshot_lsn; /* of the snapshot that was read last; 0: none */
    uint32_t key_hash;    /* of the last event, for streams */
    bool after_delete;    /* the last record was a delete: a tombstone that follows belongs to it */
};

struct state_spec {
    const char *path;
    const char *owner;          /* whose state it is: application/group/partition */
    const char *tables;         /* CREATE TABLE statements, ";" between them */
    const char *const *indexes; /* name and CREATE statement by turns */
    size_t n_indexes;           /* pairs */
    struct cv_log *log;
};

struct state;

/*
 * Open the file, or make it. A damaged file, one of another owner and one with other tables are
 * removed and made anew, with a warning: they can be rebuilt. CV_INVALID: something stands there
 * that is not ours.
 */
CV_MUST_CHECK
enum cv_rc state_open(const struct state_spec *spec, struct state **ret, struct cv_err *err);
/* Throw the file away and begin an empty one. Statements on it must be freed before; on failure
 *state is as good as closed. */
CV_MUST_CHECK
enum cv_rc state_wipe(struct state *state, struct cv_err *err);
/* Roll back, note that it was closed in order, close. */
void state_close(struct state *state);
struct database *state_db(struct state *state);

/* A number or text of _culvert_meta as last committed or set; none: *ret is 0, "". */
CV_MUST_CHECK
enum cv_rc state_number(struct state *state, const char *key, int64_t *ret, struct cv_err *err);
CV_MUST_CHECK
enum cv_rc state_text(struct state *state, const char *key, char *out, size_t size,
                      struct cv_err *err);
CV_MUST_CHECK
enum cv_rc state_set_number(struct state *state, const char *key, int64_t v, struct cv_err *err);
CV_MUST_CHECK
enum cv_rc state_set_text(struct state *state, const char *key, const char *v, struct cv_err *err);
CV_MUST_CHECK
enum cv_rc state_position(struct state *state, const char *topic, int32_t partition,
                          struct position *ret, bool *ret_found, struct cv_err *err);
CV_MUST_CHECK
enum cv_rc state_set_position(struct state *state, const char *topic, int32_t partition,
                              const struct position *pos, struct cv_err *err);
int64_t state_bytes(struct state *state);
int64_t state_wal_bytes(const struct state *state);
/* Behind a commit: a WAL that readers have let grow beyond the limit goes into the file and becomes short again, as
   soon as none reads. */
void state_trim_wal(struct state *state, int64_t limit); /* of file and WAL */

#endif
