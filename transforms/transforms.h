/* SPDX-License-Identifier: Apache-2.0 */
/* The transforms and predicates of this folder, for programs/builtin.c. */
#ifndef TRANSFORMS_TRANSFORMS_H
#define TRANSFORMS_TRANSFORMS_H

#include <culvert/plugin.h>

#define SMT_VARIANTS    2 /* X$Key and X$Value */
#define LOGICAL_ROUTERS 2 /* ByLogicalTableRouter and its later name */
#define SCRIPTING       2 /* Filter and ContentBasedRouter of Debezium, which are refused */

extern const struct cv_plugin cast_plugins[SMT_VARIANTS];
extern const struct cv_plugin drop_headers_plugin;
extern const struct cv_plugin extract_field_plugins[SMT_VARIANTS];
extern const struct cv_plugin filter_plugin;
extern const struct cv_plugin flatten_plugins[SMT_VARIANTS];
extern const struct cv_plugin header_from_plugins[SMT_VARIANTS];
extern const struct cv_plugin hoist_field_plugins[SMT_VARIANTS];
extern const struct cv_plugin insert_field_plugins[SMT_VARIANTS];
extern const struct cv_plugin insert_header_plugin;
extern const struct cv_plugin mask_field_plugins[SMT_VARIANTS];
extern const struct cv_plugin regex_router_plugin;
extern const struct cv_plugin replace_field_plugins[SMT_VARIANTS];
extern const struct cv_plugin set_schema_metadata_plugins[SMT_VARIANTS];
extern const struct cv_plugin timestamp_converter_plugins[SMT_VARIANTS];
extern const struct cv_plugin timestamp_router_plugin;
extern const struct cv_plugin value_to_key_plugin;

/* Debezium's */
extern const struct cv_plugin decode_message_plugin;
extern const struct cv_plugin event_router_plugin;
extern const struct cv_plugin extract_changed_record_plugin;
extern const struct cv_plugin extract_new_record_plugin;
extern const struct cv_plugin header_to_value_plugin;
extern const struct cv_plugin logical_router_plugins[LOGICAL_ROUTERS];
extern const struct cv_plugin partition_routing_plugin;
extern const struct cv_plugin scripting_plugins[SCRIPTING];
extern const struct cv_plugin timezone_converter_plugin;

/* our own */
extern const struct cv_plugin decrypt_field_plugins[SMT_VARIANTS];
extern const struct cv_plugin encrypt_field_plugins[SMT_VARIANTS];

extern const struct cv_plugin topic_name_matches_plugin;
extern const struct cv_plugin record_is_tombstone_plugin;
extern const struct cv_plugin has_header_key_plugin;

#endif
