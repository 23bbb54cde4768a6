/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of OAUTHBEARER for librdkafka's connections, from common/oauth. Internal to common/kafka. */
#ifndef COMMON_KAFKA_LOGIN_H
#define COMMON_KAFKA_LOGIN_H

#include "common/kafka/handle.h"

/* If conf asks for OAUTHBEARER: have rdconf ask for tokens. *ret NULL: it does not. */
CV_MUST_CHECK
enum cv_rc kafka_login_new(const struct cv_kafka_conf *conf, rd_kafka_conf_t *rdconf,
                           struct kafka_login **ret, struct cv_err *err);
/* Behind rd_kafka_new: the first token is fetched. NULL: nothing is done. */
CV_MUST_CHECK
enum cv_rc kafka_login_start(struct kafka_login *login, rd_kafka_t *rk, struct cv_err *err);
void kafka_login_stop(struct kafka_login *login); /* before rd_kafka_destroy: end a fetch */
void kafka_login_free(struct kafka_login *login); /* after it */

#endif
