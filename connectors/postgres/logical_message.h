/* SPDX-License-Identifier: Apache-2.0 */
/* Logical messages (pg_logical_emit_message): records in a topic of their own. Task's thread only. */
#ifndef POSTGRES_LOGICAL_MESSAGE_H
#define POSTGRES_LOGICAL_MESSAGE_H

#include "connectors/postgres/envelope.h"

struct logical_messages;

/* transaction NULL: messages do not say where in their transaction they are. */
CV_MUST_CHECK enum cv_rc logical_messages_new(const struct pg_config *config, struct transaction *transaction,
                                              struct logical_messages **ret, struct cv_err *err);
void logical_messages_free(struct logical_messages *messages);

/* Append the record of a message, unless message.prefix.*.list leaves it out. The envelope has the source block of
   its transaction, or of none. */
CV_MUST_CHECK enum cv_rc logical_message_emit(struct logical_messages *messages, const struct envelope *env,
                                              const struct pgoutput_message *msg, cv_lsn lsn, struct cv_batch *batch,
                                              struct cv_err *err);

#endif
