/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drives a fuzz target without libFuzzer, so that every build replays the corpora: each file of the
 * given directories as it is, cut off at every length, and with every byte changed in several ways.
 * Every input lies in memory of exactly its length, where the address sanitizer sees one byte too
 * many. Without arguments the corpus is $srcdir/tests/fuzz/TARGET.in, which is how make check runs
 * it.
 *
 * When the target dies, the last line says of what; a hang is one that takes longer than a minute.
 */
#include <config.h>

#include <dirent.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEED_MAX     ((size_t)1 << 20)
#define RUNS_A_KIND  4000 /* longer seeds are cut and changed at this many places, evenly spread */
#define HANG_SECONDS 60

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static char current[4096]; /* what the target is given right now */
static unsigned long runs;

static void
tell(void)
{
    if (write(STDERR_FILENO, current, strlen(current)) < 0)
        return;
}

static void
on_signal(int signum)
{
    tell();
    (void)signal(signum, SIG_DFL);
    (void)raise(signum);
}

/* The target gets a copy, changed at one place if at is below size. */
static void
run(const char *path, const char *kind, const uint8_t *seed, size_t size, size_t at, uint8_t change)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);

    if (copy == NULL)
        abort();
    memcpy(copy, seed, size);
    if (at < size)
        copy[at] ^= change;
    (void)snprintf(current, sizeof(current), "died of %s: %s at %zu, changed by 0x%02x\n", path,
                   kind, at, (unsigned)change);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    runs++;
}

static void
replay_seed(const char *path, const uint8_t *seed, size_t size)
{
    static const uint8_t changes[] = { 0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff };
    size_t step = size / RUNS_A_KIND + 1;

    run(path, "as it is", seed, size, size, 0);
    for (size_t len = 0; len < size; len += step)
        run(path, "cut off", seed, len, len, 0);
    for (size_t i = 0; i < sizeof(changes); i++)
        for (size_t at = i % step; at < size; at += step)
            run(path, "one byte", seed, size, at, changes[i]);
}

static void
replay_file(const char *path)
{
    uint8_t *seed = malloc(SEED_MAX);
    FILE *file = fopen(path, "rb");
    size_t size;

    if (seed == NULL || file == NULL) {
        perror(path);
        exit(1);
    }
    size = fread(seed, 1, SEED_MAX, file);
    (void)fclose(file);
    (void)alarm(HANG_SECONDS);
    replay_seed(path, seed, size);
    (void)alarm(0);
    free(seed);
}

/* Replay every regular file of the directory, by name; a corpus without any is an error. */
static void
replay_directory(const char *dir)
{
    struct dirent **entries;
    int n = scandir(dir, &entries, NULL, alphasort);
    int files = 0;

    if (n < 0) {
        perror(dir);
        exit(1);
    }
    for (int i = 0; i < n; i++) {
        char path[4000];
        struct stat st;

        (void)snprintf(path, sizeof(path), "%s/%s", dir, entries[i]->d_name);
        if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
            replay_file(path);
            files++;
        }
        free(entries[i]);
    }
    free(entries);
    if (files == 0) {
        (void)fprintf(stderr, "%s: no seeds\n", dir);
        exit(1);
    }
    (void)printf("%s: %d seeds, %lu runs\n", dir, files, runs);
}

int
main(int argc, char **argv)
{
    static const int signals[] = { SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM };
    const char *name = strrchr(argv[0], '/');
    const char *srcdir = getenv("srcdir");
    char corpus[4000];

    if (__sanitizer_set_death_callback != NULL)
        __sanitizer_set_death_callback(tell);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        (void)signal(signals[i], on_signal);
    for (int i = 1; i < argc; i++)
        replay_directory(argv[i]);
    if (argc > 1)
        return 0;
    (void)snprintf(corpus, sizeof(corpus), "%s/tests/fuzz/%s.in", srcdir == NULL ? "." : srcdir,
                   name == NULL ? argv[0] : name + 1);
    replay_directory(corpus);
    return 0;
}
