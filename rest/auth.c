/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connect's BasicAuthSecurityRestExtension. Java finds its JAAS file by a system property, which
 * operators set through KAFKA_OPTS; that works here as well, and rest.basic.auth.jaas.file comes
 * before it. Another extension is refused: ignored, it would leave open what somebody wanted shut.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include <culvert/config.h>

#include "rest/api.h"

#define EXTENSION "org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension"
#define JAAS_KEY  "rest.basic.auth.jaas.file"
#define JAVA_FLAG "-Djava.security.auth.login.config="

static bool
is_separator(char c)
{
    return c == ',' || c == ' ' || c == '\t' || c == '\n';
}

/* Whether the list names the extension. */
static enum cv_rc
read_classes(const char *text, bool *ret, struct cv_err *err)
{
    *ret = false;
    while (text != NULL && *text != '\0') {
        size_t len = 0;

        while (is_separator(*text))
            text++;
        while (text[len] != '\0' && !is_separator(text[len]))
            len++;
        if (len == strlen(EXTENSION) && memcmp(text, EXTENSION, len) == 0)
            *ret = true;
        else if (len > 0)
            return cv_fail(err, CV_INVALID,
                           "Invalid value %.*s for configuration rest.extension.classes: the only "
                           "extension here is " EXTENSION,
                           (int)len, text);
        text += len;
    }
    return CV_OK;
}

/* The path behind Java's flag in KAFKA_OPTS, as a copy; it may be quoted, a file: URL, and begin
   with '='. NULL: there is none, or no memory. */
static char *
path_of_java(void)
{
    const char *text = getenv("KAFKA_OPTS");
    const char *end;
    char quote = '\0';

    text = text == NULL ? NULL : strstr(text, JAVA_FLAG);
    if (text == NULL)
        return NULL;
    text += strlen(JAVA_FLAG);
    if (*text == '=')
        text++;
    if (*text == '"' || *text == '\'')
        quote = *text++;
    end = quote == '\0' ? text + strcspn(text, " \t\n") : strchr(text, quote);
    if (end == NULL)
        end = text + strlen(text);
    if (strncmp(text, "file:", 5) == 0) {
        text += 5;
        while (text[0] == '/' && text[1] == '/')
            text++;
    }
    return end == text ? NULL : strndup(text, (size_t)(end - text));
}

enum cv_rc
rest_auth_file(const struct cv_config *worker, char **ret, struct cv_err *err)
{
    const char *path = cv_config_get(worker, JAAS_KEY);
    bool wanted;

    *ret = NULL;
    if (read_classes(cv_config_get(worker, "rest.extension.classes"), &wanted, err) != CV_OK)
        return err->rc;
    if (!wanted)
        return CV_OK;
    *ret = path != NULL && *path != '\0' ? strdup(path) : path_of_java();
    if (*ret == NULL)
        return cv_fail(err, CV_INVALID,
                       "rest.extension.classes asks for basic authentication, but no JAAS file is "
                       "named: set " JAAS_KEY ", or KAFKA_OPTS=\"" JAVA_FLAG "/path\"");
    return CV_OK;
}

/* Connect's answer: text, whatever its type says. */
static void
refuse(const struct cv_http_request *req, struct cv_http_response *res, const struct cv_err *err)
{
    cv_buf_reset(&res->body);
    cv_buf_str(&res->body, err->text);
    res->status = 401;
    res->content_type =
        strcmp(cv_http_method(req), "OPTIONS") == 0 ? "text/plain" : "application/json";
}

bool
rest_auth_admit(struct rest *rest, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct cv_err err;

    if (rest->auth == NULL || (cv_http_route_flags(req) & REST_ROUTE_SIGNED))
        return true;
    switch (cv_http_auth_check(rest->auth, cv_http_header(req, "Authorization"), &err)) {
    case CV_OK:
        return true;
    case CV_INVALID:
        rest_fail_malformed(rest, res, err.text);
        return false;
    case CV_FENCED:
        refuse(req, res, &err);
        return false;
    default:
        rest_fail(res, &err);
        return false;
    }
}
