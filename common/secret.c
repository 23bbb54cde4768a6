/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handling of secrets in memory: which keys hold them, memory that is really zeroed, a
 * comparison whose time does not tell where two texts differ. References to secrets are in
 * secret_reference.c.
 */
#include <config.h>

#include "common/secret.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>

/* Parts of a key that make its value a secret, in any case of letters. */
static const char *const sensitive_parts[] = {
    "password",    "passwd",    "passphrase",   "secret",      "token",
    "credential",  "api.key",   "apikey",       "access.key",  "private.key",
    "jaas.config", "user.info", "keystore.key", "ssl.key.pem", "encrypt.key",
};

bool
cv_secret_is_sensitive(const char *key)
{
    for (size_t i = 0; i < CV_COUNT(sensitive_parts); i++)
        if (strcasestr(key, sensitive_parts[i]) != NULL)
            return true;
    return false;
}

void
cv_secret_wipe(void *data, size_t len)
{
    if (len > 0)
        explicit_bzero(data, len);
}

/* Leak checkers look into the process as a debugger does. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

void
cv_secret_guard_process(void)
{
#ifndef SANITIZED
    const char *allow = getenv("CULVERT_ALLOW_CORE");

    if (allow == NULL || strcmp(allow, "1") != 0)
        (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

bool
cv_secret_equal(const void *a, const void *b, size_t len)
{
    const volatile unsigned char *pa = a;
    const volatile unsigned char *pb = b;
    unsigned char differ = 0;

    for (size_t i = 0; i < len; i++)
        differ |= (unsigned char)(pa[i] ^ pb[i]);
    return differ == 0;
}
