/* SPDX-License-Identifier: Apache-2.0 */
/* The list of built-in plugins: the one place that knows them all. */
#include <config.h>

#include "programs/builtin.h"

#include "connectors/file/file.h"
#include "connectors/heartbeat/heartbeat.h"
#include "connectors/mock/mock.h"
#include "connectors/postgres/plugin.h"
#include "connectors/verifiable/verifiable.h"
#include "converters/converters.h"
#include "transforms/transforms.h"

const struct cv_plugin *const builtin_plugins[] = {
    &postgres_source_plugin,
    &file_source_plugin,
    &file_sink_plugin,
    &verifiable_source_plugin,
    &verifiable_sink_plugin,
    &schema_source_plugin,
    &mock_source_plugin,
    &mock_sink_plugin,
    &heartbeat_source_plugin,
    &json_converter_plugin,
    &json_header_converter_plugin,
    &string_converter_plugin,
    &string_header_converter_plugin,
    &bytes_converter_plugin,
    &bytes_header_converter_plugin,
    &simple_header_converter_plugin,
    &binary_data_converter_plugin,
    &binary_data_header_converter_plugin,
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
    &cast_plugins[0],
    &cast_plugins[1],
    &drop_headers_plugin,
    &extract_field_plugins[0],
    &extract_field_plugins[1],
    &filter_plugin,
    &flatten_plugins[0],
    &flatten_plugins[1],
    &header_from_plugins[0],
    &header_from_plugins[1],
    &hoist_field_plugins[0],
    &hoist_field_plugins[1],
    &insert_field_plugins[0],
    &insert_field_plugins[1],
    &insert_header_plugin,
    &mask_field_plugins[0],
    &mask_field_plugins[1],
    &regex_router_plugin,
    &replace_field_plugins[0],
    &replace_field_plugins[1],
    &set_schema_metadata_plugins[0],
    &set_schema_metadata_plugins[1],
    &timestamp_converter_plugins[0],
    &timestamp_converter_plugins[1],
    &timestamp_router_plugin,
    &value_to_key_plugin,
    &decode_message_plugin,
    &event_router_plugin,
    &extract_changed_record_plugin,
    &extract_new_record_plugin,
    &header_to_value_plugin,
    &logical_router_plugins[0],
    &logical_router_plugins[1],
    &partition_routing_plugin,
    &topic_name_matches_plugin,
    &record_is_tombstone_plugin,
    &has_header_key_plugin,
    NULL,
};
