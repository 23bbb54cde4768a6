/* SPDX-License-Identifier: Apache-2.0 */
/* Java's login configuration of one client, the value of sasl.jaas.config. */
#ifndef COMMON_KAFKA_JAAS_H
#define COMMON_KAFKA_JAAS_H

#include <culvert/config.h>

/*
 * "Module required option=value option=\"value\" ...;" into the module's name (module, cut never:
 * too long is an error) and its options, added to options. CV_INVALID; no text ever holds a part of
 * the value, which is a secret.
 */
CV_MUST_CHECK
enum cv_rc kafka_jaas_parse(const char *text, char *module, size_t module_size,
                            struct cv_config *options, struct cv_err *err);

#endif
