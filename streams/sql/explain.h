/* SPDX-License-Identifier: Apache-2.0 */
/* A plan for people (text), for programs (JSON), and as what SQLite gets. */
#ifndef STREAMS_SQL_EXPLAIN_H
#define STREAMS_SQL_EXPLAIN_H

#include "common/buf.h"
#include "streams/sql/plan.h"

void explain_text(const struct plan *plan, struct cv_buf *out);
void explain_dot(const struct plan *plan, struct cv_buf *out); /* a picture, for Graphviz */
void explain_json(const struct plan *plan, struct cv_buf *out);
void explain_sqlite(const struct plan *plan, struct cv_buf *out);

/* "file:line:col: error: text", a line each. */
void explain_diags(const struct sql_diags *diags, struct cv_buf *out);

#endif
