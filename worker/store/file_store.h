/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The offset file of a standalone worker (FileOffsetBackingStore): the keys and values of the offset topic in one file
 * that Java workers read and write, too. Replaced whole, and whole on disk, at every flush. Used through the functions
 * that file_store_local gives to a topic log; those are the log thread's.
 */
#ifndef WORKER_STORE_FILE_STORE_H
#define WORKER_STORE_FILE_STORE_H

#include "common/kafka/topic_log.h"

struct file_store;

/* Reads nothing yet. */
CV_MUST_CHECK enum cv_rc file_store_new(const char *path, struct file_store **ret, struct cv_err *err);
void file_store_free(struct file_store *store);
/* What a topic log needs of it; valid as long as the store. */
struct cv_local_log file_store_local(struct file_store *store);

#endif
