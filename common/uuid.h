/* SPDX-License-Identifier: Apache-2.0 */
/* Random UUIDs (RFC 9562, version 4). Any thread. */
#ifndef COMMON_UUID_H
#define COMMON_UUID_H

#include <culvert/err.h>

#define CV_UUID_TEXT 37 /* 36 characters and the NUL */

/* CV_INTERNAL: the system has no random numbers. */
CV_MUST_CHECK enum cv_rc cv_uuid_random(char out[CV_UUID_TEXT], struct cv_err *err);

#endif
