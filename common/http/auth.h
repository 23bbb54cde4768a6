/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Basic authentication against files of users, as Connect's extension has it: a JAAS file whose
 * section names one PropertyFileLoginModule or more, each with a file of user=password lines. Read
 * once; constant afterwards, so any thread may ask.
 */
#ifndef COMMON_HTTP_AUTH_H
#define COMMON_HTTP_AUTH_H

#include <culvert/err.h>

struct cv_http_auth;

/*
 * Read the section of the JAAS file and the files of users. CV_INVALID, CV_NOT_FOUND: the JAAS file
 * cannot be used. A section or a file of users that is missing is not a failure, but logged, and
 * then nobody is let in; an empty file of users lets everybody in, and that is logged as well.
 */
CV_MUST_CHECK
enum cv_rc cv_http_auth_new(const char *jaas_file, const char *section, struct cv_http_auth **ret,
                            struct cv_err *err);
void cv_http_auth_free(struct cv_http_auth *auth);

/*
 * The value of an Authorization header, NULL for none. CV_OK: let in. CV_FENCED: not. CV_INVALID:
 * the credentials are not Base64, in the words of Java's decoder. The time that this takes does not
 * depend on which users there are or how much of a password is right.
 */
CV_MUST_CHECK
enum cv_rc cv_http_auth_check(const struct cv_http_auth *auth, const char *authorization,
                              struct cv_err *err);

#endif
