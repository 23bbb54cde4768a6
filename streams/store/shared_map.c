/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mappings shared by connections; see shared_map.h. Of a file's methods only those that lend a page
 * (SQLite: "Memory-Mapped I/O", xFetch and xUnfetch) are ours.
 *
 * A mapping is for an inode and reaches far beyond the file's end, so it never moves; what lies
 * behind the end is not touched. It stays for the life of the process, and so does its descriptor:
 * closing it would drop the locks that SQLite holds on that file (SQLite: "How To Corrupt An SQLite
 * Database File", 2.2). A process has few such files.
 */
#include "streams/store/shared_map.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define MAPS_MAX  64
#define MAP_BYTES ((size_t)1 << 30)

struct map {
    dev_t dev;
    ino_t ino;
    int fd;
    const char *data; /* NULL: could not be mapped */
    _Atomic int64_t size; /* of the file, as last seen */
};

/* Behind SQLite's own part of a file. */
struct mapped_file {
    const char *path; /* SQLite's, as long as the file is open */
    dev_t dev;
    ino_t ino;
    struct map *map; /* NULL: not looked for yet */
};

static struct {
    pthread_mutex_t lock; /* leaf: nothing else is taken under it */
    struct map maps[MAPS_MAX];
    size_t n_maps;
    const sqlite3_vfs *original;
    const sqlite3_io_methods *real; /* of files that we have seen */
    sqlite3_io_methods ours;
} shared = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct mapped_file *
part_of(sqlite3_file *file)
{
    return (struct mapped_file *)(void *)((char *)file + shared.original->szOsFile);
}

/* The file must still be the one that was opened. */
static bool
open_map(struct map *map, const struct mapped_file *file)
{
    struct stat info;
    void *data;

    map->fd = open(file->path, O_RDONLY | O_CLOEXEC);
    if (map->fd < 0)
        return false;
    map->dev = file->dev;
    map->ino = file->ino;
    if (fstat(map->fd, &info) != 0 || info.st_dev != file->dev || info.st_ino != file->ino)
        return true; /* known as one that cannot be mapped */
    data = mmap(NULL, MAP_BYTES, PROT_READ, MAP_SHARED, map->fd, 0);
    map->data = data == MAP_FAILED ? NULL : data;
    atomic_store(&map->size, info.st_size);
    return true;
}

static struct map *
find_map(const struct mapped_file *file)
{
    struct map *found = NULL;

    pthread_mutex_lock(&shared.lock);
    for (size_t i = 0; i < shared.n_maps && found == NULL; i++) {
        if (shared.maps[i].dev == file->dev && shared.maps[i].ino == file->ino)
            found = &shared.maps[i];
    }
    if (found == NULL && shared.n_maps < MAPS_MAX && open_map(&shared.maps[shared.n_maps], file))
        found = &shared.maps[shared.n_maps++];
    pthread_mutex_unlock(&shared.lock);
    return found;
}

static bool
reaches(struct map *map, int64_t end)
{
    struct stat info;

    if (end <= atomic_load(&map->size))
        return true;
    if (end > (int64_t)MAP_BYTES || fstat(map->fd, &info) != 0)
        return false;
    atomic_store(&map->size, info.st_size);
    return end <= info.st_size;
}

/* NULL in *ret: read it in the other way. */
static int
fetch(sqlite3_file *file, sqlite3_int64 pos, int len, void **ret)
{
    struct mapped_file *mine = part_of(file);

    *ret = NULL;
    if (mine->map == NULL && mine->path != NULL) {
        mine->map = find_map(mine);
        if (mine->map == NULL)
            mine->path = NULL;
    }
    if (mine->map != NULL && mine->map->data != NULL && reaches(mine->map, pos + len))
        *ret = (void *)(uintptr_t)(mine->map->data + pos);
    return SQLITE_OK;
}

static int
unfetch(sqlite3_file *file, sqlite3_int64 pos, void *page)
{
    (void)file;
    (void)pos;
    (void)page;
    return SQLITE_OK;
}

/* Files of one kind of locking have the same methods; others keep theirs. */
static void
wrap(sqlite3_file *file)
{
    pthread_mutex_lock(&shared.lock);
    if (shared.real == NULL && file->pMethods->iVersion >= 3) {
        shared.real = file->pMethods;
        shared.ours = *file->pMethods;
        shared.ours.xFetch = fetch;
        shared.ours.xUnfetch = unfetch;
    }
    if (file->pMethods == shared.real)
        file->pMethods = &shared.ours;
    pthread_mutex_unlock(&shared.lock);
}

static int
open_file(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *ret_flags)
{
    struct mapped_file *mine = part_of(file);
    struct stat info;
    int code = shared.original->xOpen(vfs, path, file, flags, ret_flags);

    *mine = (struct mapped_file){ 0 };
    if (code != SQLITE_OK || path == NULL || !(flags & SQLITE_OPEN_MAIN_DB) ||
        file->pMethods == NULL || stat(path, &info) != 0)
        return code;
    mine->path = path;
    mine->dev = info.st_dev;
    mine->ino = info.st_ino;
    wrap(file);
    return code;
}

void
shared_map_install(sqlite3_vfs *vfs)
{
    pthread_mutex_lock(&shared.lock);
    if (shared.original == NULL)
        shared.original = sqlite3_vfs_find(NULL);
    pthread_mutex_unlock(&shared.lock);
    vfs->szOsFile = shared.original->szOsFile + (int)sizeof(struct mapped_file);
    vfs->xOpen = open_file;
}
