/* SPDX-License-Identifier: Apache-2.0 */
/* What the code under test logs, for tests: lines go to a file that is read back. */
#ifndef TESTS_LOG_FILE_H
#define TESTS_LOG_FILE_H

#include <stddef.h>

void log_file_open(void); /* empties it */
/* Lines with both texts since the file was opened. */
size_t log_file_count(const char *text, const char *and_text);
void log_file_close(void); /* to standard error again */

#endif
