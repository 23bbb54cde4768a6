/* SPDX-License-Identifier: Apache-2.0 */
/* Option rows as a table of Markdown: docs/configuration.md is what the programs print for --print-options. */
#ifndef PROGRAMS_OPTIONS_DOC_H
#define PROGRAMS_OPTIONS_DOC_H

#include <stdio.h>

#include <culvert/config.h>

/* Rows that are internal are left out. */
void options_doc_table(FILE *out, const struct cv_config_def *rows);

#endif
