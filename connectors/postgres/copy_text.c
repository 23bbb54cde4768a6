/* SPDX-License-Identifier: Apache-2.0 */
/* COPY text: fields between tabs, \N for null, escapes. Source: manual, "COPY" (text format). */
#include "connectors/postgres/copy_text.h"

#include <string.h>

/* \b \f \n \r \t \v \\, in place; octal and hex, which the server does not send, lose their backslash. Returns the
   new length. */
static size_t
unescape(char *text, size_t len)
{
    static const char names[] = "bfnrtv", meant[] = "\b\f\n\r\t\v";
    char *from = memchr(text, '\\', len), *to = from, *end = text + len;

    if (from == NULL)
        return len;
    while (from < end) {
        const char *name;

        if (*from != '\\' || from + 1 == end) {
            *to++ = *from++;
            continue;
        }
        name = memchr(names, from[1], sizeof(names) - 1);
        *to++ = name != NULL ? meant[name - names] : from[1];
        from += 2;
    }
    return (size_t)(to - text);
}

bool
copy_text_parse(char *line, size_t len, const bool *reads, uint16_t n_columns, struct pgoutput_value *values)
{
    char *p = line, *end = line + len;
    bool more = true, any = false;

    if (end > p && end[-1] == '\n')
        end--;
    for (uint16_t i = 0; i < n_columns; i++) {
        struct pgoutput_value *val = &values[i];
        char *tab;

        *val = (struct pgoutput_value){ .kind = 'n' };
        if (!reads[i])
            continue;
        if (!more)
            return false;
        any = true;
        tab = memchr(p, '\t', (size_t)(end - p));
        more = tab != NULL;
        if (tab == NULL)
            tab = end;
        if (tab - p != 2 || p[0] != '\\' || p[1] != 'N') {
            val->kind = 't';
            val->data = p;
            val->len = (uint32_t)unescape(p, (size_t)(tab - p));
        }
        p = more ? tab + 1 : tab;
    }
    return !more || (!any && p == end);
}
