/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handling of secrets in memory: which keys hold them, memory that is really zeroed, a
 * comparison whose time does not tell where two texts differ. References to secrets are in
 * secret_reference.c.
 */
#include <config.h>

#include "common/secret.h"

#include <string.h>
#include <strings.h>

/* Parts of a key that make its value a secret, in any case of letters. */
static const char *const sensitive_parts[] = {
    "password",    "passwd",    "passphrase",   "secret",      "token",
    "credential",  "api.key",   "apikey",       "access.key",  "private.key",
    "jaas.config", "user.info", "keystore.key", "ssl.key.pem",
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
