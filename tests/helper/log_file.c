/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "tests/helper/log_file.h"

#include "tests/helper/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"

static char path[] = "/tmp/culvert-log-file-XXXXXX";

void
log_file_open(void)
{
    struct cv_err err = CV_ERR_INIT;
    int fd;

    strcpy(path + sizeof(path) - 7, "XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(cv_log_open(path, &err), CV_OK);
}

size_t
log_file_count(const char *text, const char *and_text)
{
    FILE *in = fopen(path, "r");
    char *line = NULL;
    size_t cap = 0, count = 0;

    assert_non_null(in);
    while (getline(&line, &cap, in) > 0)
        count += strstr(line, text) != NULL && strstr(line, and_text) != NULL;
    free(line);
    fclose(in);
    return count;
}

void
log_file_close(void)
{
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(cv_log_open(NULL, &err), CV_OK);
    unlink(path);
}
