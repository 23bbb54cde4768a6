/* SPDX-License-Identifier: Apache-2.0 */
/* Logical types are known by the name of their schema, as in org.apache.kafka.connect.data. */
#include <config.h>

#include "data/logical.h"

#include "common/buf.h"
#include "common/number.h"
#include "data/calendar.h"

enum logical_type
logical_of(const struct cv_schema *schema)
{
    static const struct {
        const char *name;
        enum cv_type base;
        enum logical_type type;
    } types[] = {
        { CV_DECIMAL_NAME, CV_BYTES, LOGICAL_DECIMAL },
        { CV_DATE_NAME, CV_INT32, LOGICAL_DATE },
        { CV_TIME_NAME, CV_INT32, LOGICAL_TIME },
        { CV_TIMESTAMP_NAME, CV_INT64, LOGICAL_TIMESTAMP },
    };

    if (schema == NULL || schema->name == NULL)
        return LOGICAL_NONE;
    for (size_t i = 0; i < CV_COUNT(types); i++)
        if (schema->type == types[i].base && strcmp(schema->name, types[i].name) == 0)
            return types[i].type;
    return LOGICAL_NONE;
}

int64_t
logical_ms(enum logical_type type, const struct cv_value *val)
{
    return type == LOGICAL_DATE ? val->integer * MS_PER_DAY : val->integer;
}

bool
logical_scale(const struct cv_schema *schema, int32_t *ret)
{
    const char *text = cv_schema_param(schema, "scale");
    int64_t scale;

    if (text == NULL || !cv_parse_i64(text, strlen(text), &scale) || scale < INT32_MIN || scale > INT32_MAX)
        return false;
    *ret = (int32_t)scale;
    return true;
}

enum cv_rc
logical_decimal_text(const struct cv_schema *schema, const struct cv_value *val, bool plain,
                     struct cv_buf *out, struct cv_err *err)
{
    int32_t scale;

    if (!logical_scale(schema, &scale))
        return cv_fail(err, CV_INVALID, "a schema %s has no valid parameter \"scale\"", CV_DECIMAL_NAME);
    return cv_decimal_format(val->bytes.data, val->bytes.len, scale, plain, out, err);
}
