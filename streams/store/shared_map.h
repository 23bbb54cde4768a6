/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One mapping of a database file for all connections of the process that read it mapped. SQLite
 * would map it once a connection: the GLOBAL tables would count in the worker's memory once a task.
 */
#ifndef STREAMS_STORE_SHARED_MAP_H
#define STREAMS_STORE_SHARED_MAP_H

#include "streams/store/sqlite.h"

/* Let files that are opened by it from now on be read by the shared mapping, where a connection asks
   for one (PRAGMA mmap_size). Before the VFS is registered. */
void shared_map_install(sqlite3_vfs *vfs);

#endif
