/* SPDX-License-Identifier: Apache-2.0 */
/* Topics of the connector itself. */
#include "connectors/postgres/name.h"

#include "common/buf.h"

#define TOPIC_MAX 249

static const char *
delimiter(const struct pg_config *config)
{
    return config->topic_delimiter != NULL ? config->topic_delimiter : ".";
}

static enum cv_rc
join(const char *first, const char *between, const char *second, char **ret, struct cv_err *err)
{
    struct cv_buf buf = CV_BUF_INIT(4096);
    enum cv_rc rc;

    cv_buf_str(&buf, first);
    cv_buf_str(&buf, between);
    cv_buf_str(&buf, second);
    if (buf.len > TOPIC_MAX)
        cv_buf_truncate(&buf, TOPIC_MAX);
    rc = cv_buf_check(&buf, err);
    if (rc == CV_OK)
        *ret = cv_buf_take(&buf);
    cv_buf_free(&buf);
    return rc;
}

enum cv_rc
name_transaction_topic(const struct pg_config *config, char **ret, struct cv_err *err)
{
    return join(config->topic_prefix, delimiter(config), config->topic_transaction, ret, err);
}

enum cv_rc
name_message_topic(const struct pg_config *config, char **ret, struct cv_err *err)
{
    return join(config->topic_prefix, ".", "message", ret, err); /* whatever the delimiter */
}

enum cv_rc
name_heartbeat_topic(const struct pg_config *config, char **ret, struct cv_err *err)
{
    if (config->topic_heartbeat_name != NULL && config->topic_heartbeat_name[0] != '\0')
        return join(config->topic_heartbeat_name, "", "", ret, err);
    return join(config->topic_heartbeat_prefix, delimiter(config), config->topic_prefix, ret, err);
}
