/* SPDX-License-Identifier: Apache-2.0 */
/* The list of built-in plugins: the one place that knows them all. */
#include <config.h>

#include "programs/builtin.h"

#include "connectors/file/file.h"
#include "connectors/postgres/plugin.h"
#include "converters/converters.h"
#include "transforms/transforms.h"

const struct cv_plugin *const builtin_plugins[] = {
    &postgres_source_plugin,
    &file_source_plugin,
    &file_sink_plugin,
    &json_converter_plugin,
    &json_header_converter_plugin,
    &string_converter_plugin,
    &string_header_converter_plugin,
    &bytes_converter_plugin,
    &bytes_header_converter_plugin,
    &simple_header_converter_plugin,
    &number_converter_plugins[0],
    &number_converter_plugins[1],
    &number_converter_plugins[2],
    &number_converter_plugins[3],
    &number_converter_plugins[4],
    &number_converter_plugins[5],
    &number_header_converter_plugins[0],
    &number_header_converter_plugins[1],
    &number_header_converter_plugins[2],
    &number_header_converter_plugins[3],
    &number_header_converter_plugins[4],
    &number_header_converter_plugins[5],
    &regex_router_plugin,
    &topic_name_matches_plugin,
    &record_is_tombstone_plugin,
    &has_header_key_plugin,
    NULL,
};
