/* SPDX-License-Identifier: Apache-2.0 */
/* A line of COPY's text format to values. */
#ifndef POSTGRES_COPY_TEXT_H
#define POSTGRES_COPY_TEXT_H

#include "connectors/postgres/pgoutput.h"

/* In place: the values point into line. values has n_columns; those that reads leaves out are null. false: another
   number of fields than columns that are read. */
CV_MUST_CHECK bool copy_text_parse(char *line, size_t len, const bool *reads, uint16_t n_columns,
                                   struct pgoutput_value *values);

#endif
