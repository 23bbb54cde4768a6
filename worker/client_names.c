/* SPDX-License-Identifier: Apache-2.0 */
/* What a task's Kafka clients are called. */
#include <config.h>

#include <stdio.h>

#include "worker/clients.h"
#include "worker/worker_config.h"

void
client_id_of_task(char out[CLIENT_ID_MAX], enum cv_kafka_role role, const char *connector, int task)
{
    snprintf(out, CLIENT_ID_MAX, "connector-%s-%s-%d", role == CV_KAFKA_PRODUCER ? "producer" : "consumer", connector,
             task);
}

void
client_transactional_id(char *out, size_t len, const struct worker_config *worker, const char *connector, int task)
{
    snprintf(out, len, "%s-%s-%d", worker->group_id, connector, task);
}
