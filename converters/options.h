/* SPDX-License-Identifier: Apache-2.0 */
/* What the options of all converters have in common. */
#ifndef CONVERTERS_OPTIONS_H
#define CONVERTERS_OPTIONS_H

#include <culvert/plugin.h>

extern const char *const converter_types[]; /* key, value, header */

/* The row that every converter's options begin with. */
#define CONVERTER_TYPE_ROW                                                                                 \
    { .name = "converter.type", .type = CV_CONFIG_STRING, .required = true, .check = cv_valid_in,          \
      .arg = converter_types, .importance = CV_LOW,                                                        \
      .doc = "What the converter is used for: key, value or header. The worker sets it.",                  \
      .offset = CV_NO_FIELD }

/* The options of a converter that has no others. */
extern const struct cv_config_def converter_type_config[];

/* Parse the plugin's options into out (zeroed; free with cv_config_done); converter.type is set from position
   where it is missing. */
CV_MUST_CHECK enum cv_rc converter_parse(const struct cv_plugin *plugin, const struct cv_config *cfg,
                                         enum cv_position position, void *out, struct cv_err *err);

#endif
