/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of connector options. Names, types, defaults, groups and orders are those that Connect 4.1 publishes;
 * tools build forms from them. The option pages of Kafka's documentation (Connect configs) are the source.
 */
#include <config.h>

#include "worker/connector_config.h"

#include <string.h>

#include "common/buf.h"
#include "data/java_pattern.h"

/* ---- checks ---- */

/* Next code point of valid UTF-8; a broken sequence counts byte by byte. */
static unsigned
next_char(const char **inout)
{
    const unsigned char *p = (const unsigned char *)*inout;

    if (p[0] >= 0xC2 && p[0] <= 0xDF && (p[1] & 0xC0) == 0x80) {
        *inout += 2;
        return (unsigned)(p[0] & 0x1F) << 6 | (p[1] & 0x3F);
    }
    *inout += 1;
    return p[0] < 0x80 ? p[0] : 0xFFFD; /* beyond two bytes there are no control characters */
}

/* A longer one, percent-encoded, would not fit into the path of a request: nobody could delete it. */
#define NAME_MAX_BYTES 2048

/* Connector names: not empty, not too long, no ISO control characters (C0, DEL, C1). */
static enum cv_rc
valid_name(const struct cv_config_def *def, const char *value, struct cv_err *err)
{
    struct cv_buf list = CV_BUF_INIT(1024);
    enum cv_rc rc = CV_OK;

    (void)def;
    if (value[0] == '\0')
        return cv_fail(err, CV_INVALID, "String may not be empty");
    if (strlen(value) > NAME_MAX_BYTES)
        return cv_fail(err, CV_INVALID, "String may not be longer than %d bytes but has %zu", NAME_MAX_BYTES,
                       strlen(value));
    while (*value != '\0') {
        unsigned c = next_char(&value);

        if (c < 0x20 || (c >= 0x7F && c <= 0x9F))
            cv_buf_printf(&list, "%s%u", list.len == 0 ? "" : ", ", c);
    }
    if (list.len > 0)
        rc = cv_fail(err, CV_INVALID,
                     "String may not contain control sequences but had the following ASCII chars: %s",
                     cv_buf_cstr(&list));
    cv_buf_free(&list);
    return rc;
}

static const char *
item_end(const char *item)
{
    return item + strcspn(item, ",");
}

static void
item_trim(const char **inout_item, const char **inout_end)
{
    while (*inout_item < *inout_end && (unsigned char)**inout_item <= ' ')
        (*inout_item)++;
    while (*inout_item < *inout_end && (unsigned char)(*inout_end)[-1] <= ' ')
        (*inout_end)--;
}

static bool
items_equal(const char *a, const char *b)
{
    const char *a_end = item_end(a), *b_end = item_end(b);

    item_trim(&a, &a_end);
    item_trim(&b, &b_end);
    return a_end - a == b_end - b && memcmp(a, b, (size_t)(a_end - a)) == 0;
}

/* Lists of aliases: each once. value is the text as given. */
static enum cv_rc
valid_unique(const struct cv_config_def *def, const char *value, struct cv_err *err)
{
    (void)def;
    for (const char *a = value; *item_end(a) == ','; a = item_end(a) + 1)
        for (const char *b = item_end(a) + 1;; b = item_end(b) + 1) {
            if (items_equal(a, b))
                return cv_fail(err, CV_INVALID, "Duplicate alias provided.");
            if (*item_end(b) == '\0')
                break;
        }
    return CV_OK;
}

/* ---- rows ---- */

static const struct cv_range from_zero = { 0, INT64_MAX };
static const struct cv_range from_one = { 1, INT64_MAX };
static const char *const reload_actions[] = { "none", "restart", NULL };
static const char *const tolerances[] = { "none", "all", NULL };
static const char *const exactly_once_names[] = { "REQUIRED", "REQUESTED", NULL };
static const char *const boundary_names[] = { "INTERVAL", "POLL", "CONNECTOR", NULL };

#define ROW(row_name, row_type, row_importance, row_group, row_order, row_width, row_display)               \
    .name = row_name, .type = row_type, .importance = row_importance, .group = row_group,                  \
    .order = row_order, .width = row_width, .display = row_display, .offset = CV_NO_FIELD

#define COMMON     "Common"
#define ERRORS     "Error Handling"
#define EXACTLY    "Exactly Once Support"

#define COMMON_ROWS                                                                                        \
    { ROW("name", CV_CONFIG_STRING, CV_HIGH, COMMON, 1, CV_WIDTH_MEDIUM, "Connector name"),                \
      .required = true, .check = valid_name,                                                               \
      .doc = "Name of the connector, unique within the Connect cluster." },                                \
    { ROW("connector.class", CV_CONFIG_STRING, CV_HIGH, COMMON, 2, CV_WIDTH_LONG, "Connector class"),      \
      .required = true,                                                                                    \
      .doc = "Class name of the connector, or one of its short names as GET /connector-plugins has it." }, \
    { ROW("connector.plugin.version", CV_CONFIG_STRING, CV_MEDIUM, COMMON, 3, CV_WIDTH_MEDIUM,             \
          "Connector version"),                                                                            \
      .doc = "Version of the connector; there is one of each in a worker." },                              \
    { ROW("tasks.max", CV_CONFIG_INT, CV_HIGH, COMMON, 4, CV_WIDTH_SHORT, "Tasks max"), .def = "1",        \
      .check = cv_valid_range, .arg = &from_one, .doc = "Most tasks that the connector may have." },       \
    { ROW("tasks.max.enforce", CV_CONFIG_BOOLEAN, CV_LOW, COMMON, 5, CV_WIDTH_SHORT, "Enforce tasks max"), \
      .def = "true", .doc = "Whether a connector that makes more tasks than tasks.max fails." },           \
    { ROW("key.converter", CV_CONFIG_CLASS, CV_LOW, COMMON, 6, CV_WIDTH_SHORT, "Key converter class"),     \
      .doc = "Converter of record keys; the worker's if not set." },                                       \
    { ROW("key.converter.plugin.version", CV_CONFIG_STRING, CV_LOW, COMMON, 7, CV_WIDTH_SHORT,             \
          "Key converter version"),                                                                        \
      .doc = "Version of the key converter; there is one of each in a worker." },                          \
    { ROW("value.converter", CV_CONFIG_CLASS, CV_LOW, COMMON, 8, CV_WIDTH_SHORT, "Value converter class"), \
      .doc = "Converter of record values; the worker's if not set." },                                     \
    { ROW("value.converter.plugin.version", CV_CONFIG_STRING, CV_LOW, COMMON, 9, CV_WIDTH_SHORT,           \
          "Value converter version"),                                                                      \
      .doc = "Version of the value converter; there is one of each in a worker." },                        \
    { ROW("header.converter", CV_CONFIG_CLASS, CV_LOW, COMMON, 10, CV_WIDTH_SHORT,                         \
          "Header converter class"),                                                                       \
      .doc = "Converter of header values; the worker's if not set." },                                     \
    { ROW("header.converter.plugin.version", CV_CONFIG_STRING, CV_LOW, COMMON, 11, CV_WIDTH_SHORT,         \
          "Header converter version"),                                                                     \
      .doc = "Version of the header converter; there is one of each in a worker." },                       \
    { ROW("transforms", CV_CONFIG_LIST, CV_LOW, "Transforms", 12, CV_WIDTH_LONG, "Transforms"),            \
      .def = "", .check = valid_unique, .doc = "Aliases of the transforms, in the order they apply in." }, \
    { ROW("predicates", CV_CONFIG_LIST, CV_LOW, "Predicates", 13, CV_WIDTH_LONG, "Predicates"),            \
      .def = "", .check = valid_unique, .doc = "Aliases of the predicates that transforms refer to." },    \
    { ROW("config.action.reload", CV_CONFIG_STRING, CV_LOW, COMMON, 14, CV_WIDTH_MEDIUM, "Reload Action"), \
      .def = "restart", .check = cv_valid_in, .arg = reload_actions,                                       \
      .doc = "What happens when a config provider says that a value has expired." },                       \
    { ROW("errors.retry.timeout", CV_CONFIG_LONG, CV_MEDIUM, ERRORS, 1, CV_WIDTH_MEDIUM,                   \
          "Retry Timeout for Errors"),                                                                     \
      .def = "0", .doc = "For how many ms a failed operation is tried again; -1: without end." },          \
    { ROW("errors.retry.delay.max.ms", CV_CONFIG_LONG, CV_MEDIUM, ERRORS, 2, CV_WIDTH_MEDIUM,              \
          "Maximum Delay Between Retries for Errors"),                                                     \
      .def = "60000", .doc = "Longest pause between two tries in ms." },                                   \
    { ROW("errors.tolerance", CV_CONFIG_STRING, CV_MEDIUM, ERRORS, 3, CV_WIDTH_SHORT, "Error Tolerance"),  \
      .def = "none", .check = cv_valid_in, .arg = tolerances,                                              \
      .doc = "none: a record that cannot be processed fails its task; all: it is skipped." },              \
    { ROW("errors.log.enable", CV_CONFIG_BOOLEAN, CV_MEDIUM, ERRORS, 4, CV_WIDTH_SHORT, "Log Errors"),     \
      .def = "false", .doc = "Whether errors that are tolerated are logged, too." },                       \
    { ROW("errors.log.include.messages", CV_CONFIG_BOOLEAN, CV_MEDIUM, ERRORS, 5, CV_WIDTH_SHORT,          \
          "Log Error Details"),                                                                            \
      .def = "false", .doc = "Whether such log lines say which record it was." }

static const struct cv_config_def source_def[] = {
    COMMON_ROWS,
    { ROW("topic.creation.groups", CV_CONFIG_LIST, CV_LOW, "Topic Creation", 1, CV_WIDTH_LONG,
          "Topic Creation Groups"),
      .def = "", .check = valid_unique, .doc = "Groups of settings for topics that the worker creates." },
    { ROW("exactly.once.support", CV_CONFIG_ENUM, CV_MEDIUM, EXACTLY, 2, CV_WIDTH_SHORT,
          "Exactly once support"),
      .def = "requested", .names = exactly_once_names,
      .doc = "required: the connector is refused unless it can be exactly once here." },
    { ROW("transaction.boundary", CV_CONFIG_ENUM, CV_MEDIUM, EXACTLY, 3, CV_WIDTH_SHORT,
          "Transaction Boundary"),
      .def = "poll", .names = boundary_names,
      .doc = "Where transactions end: behind each poll, at an interval, or where the connector says." },
    { ROW("transaction.boundary.interval.ms", CV_CONFIG_LONG, CV_LOW, EXACTLY, 4, CV_WIDTH_SHORT,
          "Transaction boundary interval"),
      .check = cv_valid_range, .arg = &from_zero,
      .doc = "Interval of transactions in ms; the worker's offset.flush.interval.ms if not set." },
    { ROW("offsets.storage.topic", CV_CONFIG_STRING, CV_LOW, "offsets.topic", 1, CV_WIDTH_LONG,
          "Offsets topic"),
      .check = cv_valid_non_empty, .doc = "A topic of its own for the connector's offsets." },
    CV_CONFIG_END
};

static const struct cv_config_def sink_def[] = {
    COMMON_ROWS,
    { ROW("topics", CV_CONFIG_LIST, CV_HIGH, COMMON, 4, CV_WIDTH_LONG, "Topics"), .def = "",
      .doc = "Topics that the connector reads, separated by commas." },
    { ROW("topics.regex", CV_CONFIG_STRING, CV_HIGH, COMMON, 4, CV_WIDTH_LONG, "Topics regex"), .def = "",
      .check = java_pattern_check, .doc = "Pattern of the names of topics that the connector reads." },
    { ROW("errors.deadletterqueue.topic.name", CV_CONFIG_STRING, CV_MEDIUM, ERRORS, 6, CV_WIDTH_MEDIUM,
          "Dead Letter Queue Topic Name"),
      .def = "", .doc = "Topic for records that cannot be processed; empty: none." },
    { ROW("errors.deadletterqueue.topic.replication.factor", CV_CONFIG_SHORT, CV_MEDIUM, ERRORS, 7,
          CV_WIDTH_MEDIUM, "Dead Letter Queue Topic Replication Factor"),
      .def = "3", .doc = "Replication factor of that topic where the worker creates it." },
    { ROW("errors.deadletterqueue.context.headers.enable", CV_CONFIG_BOOLEAN, CV_MEDIUM, ERRORS, 8,
          CV_WIDTH_MEDIUM, "Enable Error Context Headers"),
      .def = "false", .doc = "Whether such records get headers that say what went wrong." },
    CV_CONFIG_END
};

const struct cv_config_def *
connector_config_def(enum cv_plugin_kind kind)
{
    return kind == CV_SOURCE ? source_def : sink_def;
}

/* ---- transforms and predicates; displays end with the alias ---- */

const struct cv_config_def transform_head_def[] = {
    { ROW("type", CV_CONFIG_CLASS, CV_HIGH, NULL, 0, CV_WIDTH_LONG, "Transformation type for "),
      .required = true, .doc = "Class of the transform." },
    { ROW("plugin.version", CV_CONFIG_STRING, CV_HIGH, NULL, 1, CV_WIDTH_LONG,
          "Transformation version for "),
      .doc = "Version of the transform." },
    CV_CONFIG_END
};

const struct cv_config_def transform_tail_def[] = {
    { ROW("negate", CV_CONFIG_BOOLEAN, CV_MEDIUM, NULL, 0, CV_WIDTH_NONE, "negate"), .def = "false",
      .doc = "Whether the transform applies to records that the predicate does not match." },
    { ROW("predicate", CV_CONFIG_STRING, CV_MEDIUM, NULL, 0, CV_WIDTH_NONE, "predicate"),
      .doc = "Alias of the predicate that says which records the transform applies to." },
    CV_CONFIG_END
};

const struct cv_config_def predicate_head_def[] = {
    { ROW("type", CV_CONFIG_CLASS, CV_HIGH, NULL, 0, CV_WIDTH_LONG, "Predicate type for "),
      .required = true, .doc = "Class of the predicate." },
    { ROW("plugin.version", CV_CONFIG_STRING, CV_HIGH, NULL, 1, CV_WIDTH_LONG, "Predicate version for "),
      .doc = "Version of the predicate." },
    CV_CONFIG_END
};
