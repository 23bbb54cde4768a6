/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of single options, with Debezium's texts ("The 'x' value is invalid: ..."). */
#ifndef POSTGRES_CONFIG_CHECK_H
#define POSTGRES_CONFIG_CHECK_H

#include "connectors/postgres/config.h"

cv_config_check check_required;
cv_config_check check_prefix;
cv_config_check check_hostname;
cv_config_check check_slot;
cv_config_check check_one_of; /* of the recommended values, which the error names in their order */
cv_config_check check_boolean;
cv_config_check check_key_columns;
cv_config_check check_identities;
cv_config_check check_tags;
cv_config_check check_queue_size;
cv_config_check check_skipped;
cv_config_check check_regexes;
cv_config_check check_int;  /* arg: struct cv_range, or NULL */
cv_config_check check_long; /* arg: struct cv_range, or NULL */

/* Options that are accepted but not served, when set to anything but their default: refused, because to ignore
   them would change the data. */
void check_not_served(const struct cv_config *cfg, struct cv_config_errors *errors);
/* What several options say together. */
void check_together(const struct cv_config *cfg, struct cv_config_errors *errors);

#endif
