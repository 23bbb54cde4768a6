/* SPDX-License-Identifier: Apache-2.0 */
/* What single options cannot tell: options together, then a connection on which everything that the task will
   need is probed. Blocks for up to connection.validation.timeout.ms. */
#ifndef POSTGRES_VALIDATE_H
#define POSTGRES_VALIDATE_H

#include <culvert/config.h>

enum cv_rc pg_validate(const struct cv_config *cfg, struct cv_config_errors *errors, struct cv_err *err);

#endif
