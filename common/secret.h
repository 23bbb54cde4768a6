/* SPDX-License-Identifier: Apache-2.0 */
/*
 * References to secrets, ${provider:[path:]key}, and masking. Connect's config providers: file
 * (FileConfigProvider), directory (DirectoryConfigProvider), env (EnvVarConfigProvider), under the names that
 * config.providers gives them; without that key the providers env, file and directory are there by default
 * with no path allowed outside allowed.paths. One pass, no nesting; an unknown provider or missing key leaves
 * the text as it is. Any thread once made.
 */
#ifndef COMMON_SECRET_H
#define COMMON_SECRET_H

#include <culvert/config.h>

struct cv_secrets;

/* From a worker's properties: config.providers, config.providers.<p>.class, .param.<x>. */
CV_MUST_CHECK enum cv_rc cv_secrets_new(const struct cv_config *worker, struct cv_secrets **ret,
                                        struct cv_err *err);
void cv_secrets_free(struct cv_secrets *secrets);
/* A copy of cfg with every reference resolved. Free with cv_config_free, which wipes. */
CV_MUST_CHECK enum cv_rc cv_secrets_resolve(const struct cv_secrets *secrets, const struct cv_config *cfg,
                                            struct cv_config **ret, struct cv_err *err);
/* Whether the text holds a reference. */
bool cv_secret_is_reference(const char *text);
/* Whether values of that key must never be shown: *password*, *secret*, *token*, sasl.jaas.config, ... */
bool cv_secret_is_sensitive(const char *key);
/* Zero memory in a way that the compiler keeps. */
void cv_secret_wipe(void *data, size_t len);
/*
 * For main: no core file of this process, and no look into its memory by others of its user, since
 * librdkafka, libpq and OpenSSL keep copies of passwords that cannot be marked one by one.
 * CULVERT_ALLOW_CORE=1 in the environment leaves things as they are, as do builds with a sanitizer.
 */
void cv_secret_guard_process(void);
bool cv_secret_equal(const void *a, const void *b, size_t len); /* constant time */

#endif
