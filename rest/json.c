/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The entities of Connect's REST API (org.apache.kafka.connect.runtime.rest.entities), field by
 * field in the order in which Jackson writes them: clients exist that compare text.
 */
#include <config.h>

#include "rest/json.h"

static void
string_field(struct cv_json_writer *w, const char *key, const char *value)
{
    cv_json_key(w, key);
    cv_json_string(w, value);
}

static void
string_array(struct cv_json_writer *w, const char *key, char *const *items, size_t count)
{
    cv_json_key(w, key);
    cv_json_array(w);
    for (size_t i = 0; i < count; i++)
        cv_json_string(w, items[i]);
    cv_json_array_end(w);
}

/* The same for a list that NULL ends; NULL is an empty one. */
static void
const_array(struct cv_json_writer *w, const char *key, const char *const *items)
{
    cv_json_key(w, key);
    cv_json_array(w);
    for (; items != NULL && *items != NULL; items++)
        cv_json_string(w, *items);
    cv_json_array_end(w);
}

const char *
rest_connector_type(int kind)
{
    return kind == CV_SOURCE ? "source" : kind == CV_SINK ? "sink" : "unknown";
}

void
rest_json_config(struct cv_json_writer *w, const struct cv_config *config)
{
    cv_json_object(w);
    for (size_t i = 0; i < cv_config_count(config); i++)
        string_field(w, cv_config_key(config, i), cv_config_value(config, i));
    cv_json_object_end(w);
}

static void
task_id(struct cv_json_writer *w, const char *connector, int task)
{
    cv_json_object(w);
    string_field(w, "connector", connector);
    cv_json_key(w, "task");
    cv_json_int(w, task);
    cv_json_object_end(w);
}

void
rest_json_connector_info(struct cv_json_writer *w, const struct connector_info *info)
{
    cv_json_object(w);
    string_field(w, "name", info->name);
    cv_json_key(w, "config");
    rest_json_config(w, info->config);
    cv_json_key(w, "tasks");
    cv_json_array(w);
    for (int i = 0; i < info->n_tasks; i++)
        task_id(w, info->name, i);
    cv_json_array_end(w);
    string_field(w, "type", rest_connector_type(info->type));
    cv_json_object_end(w);
}

/* What connector and task states have in common. version is null when not known, trace is then left
 * out. */
static void
state_fields(struct cv_json_writer *w, const struct status *status)
{
    string_field(w, "state", status_name(status->state));
    string_field(w, "worker_id", status->worker_id);
    string_field(w, "version", status->version);
    if (status->trace != NULL && *status->trace != '\0')
        string_field(w, "trace", status->trace);
}

void
rest_json_task_state(struct cv_json_writer *w, int id, const struct status *status)
{
    cv_json_object(w);
    cv_json_key(w, "id");
    cv_json_int(w, id);
    state_fields(w, status);
    cv_json_object_end(w);
}

void
rest_json_connector_state(struct cv_json_writer *w, const struct connector_state_info *info)
{
    cv_json_object(w);
    string_field(w, "name", info->name);
    cv_json_key(w, "connector");
    cv_json_object(w);
    state_fields(w, &info->connector);
    cv_json_object_end(w);
    cv_json_key(w, "tasks");
    cv_json_array(w);
    for (size_t i = 0; i < info->n_tasks; i++)
        rest_json_task_state(w, info->tasks[i].id, &info->tasks[i].status);
    cv_json_array_end(w);
    string_field(w, "type", rest_connector_type(info->type));
    cv_json_object_end(w);
}

void
rest_json_task_info(struct cv_json_writer *w, const char *connector, int task,
                    const struct cv_config *config)
{
    cv_json_object(w);
    cv_json_key(w, "id");
    task_id(w, connector, task);
    cv_json_key(w, "config");
    rest_json_config(w, config);
    cv_json_object_end(w);
}

void
rest_json_names(struct cv_json_writer *w, const struct name_list *names)
{
    cv_json_array(w);
    for (size_t i = 0; i < names->count; i++)
        cv_json_string(w, names->items[i]);
    cv_json_array_end(w);
}

/* ---- definitions and values ---- */

static const char *
type_name(enum cv_config_type type)
{
    switch (type) {
    case CV_CONFIG_BOOLEAN:
        return "BOOLEAN";
    case CV_CONFIG_INT:
        return "INT";
    case CV_CONFIG_SHORT:
        return "SHORT";
    case CV_CONFIG_LONG:
        return "LONG";
    case CV_CONFIG_DOUBLE:
        return "DOUBLE";
    case CV_CONFIG_LIST:
        return "LIST";
    case CV_CONFIG_CLASS:
        return "CLASS";
    case CV_CONFIG_PASSWORD:
        return "PASSWORD";
    case CV_CONFIG_STRING:
    case CV_CONFIG_ENUM:
        break;
    }
    return "STRING";
}

static void
config_key(struct cv_json_writer *w, const struct config_info *info)
{
    static const char *const importances[] = { "HIGH", "MEDIUM", "LOW" };
    static const char *const widths[] = { "NONE", "SHORT", "MEDIUM", "LONG" };
    const struct cv_config_def *def = info->def;
    const char *group = info->group != NULL ? info->group : def->group;
    const char *value = def->required ? NULL : def->def;

    if (value != NULL && def->type == CV_CONFIG_PASSWORD)
        value = "[hidden]";
    cv_json_object(w);
    string_field(w, "name", info->name);
    string_field(w, "type", type_name(def->type));
    cv_json_key(w, "required");
    cv_json_bool(w, def->required);
    string_field(w, "default_value", value);
    string_field(w, "importance", importances[def->importance]);
    string_field(w, "documentation", def->doc == NULL ? "" : def->doc);
    string_field(w, "group", group);
    string_field(w, "width", widths[def->width]);
    string_field(w, "display_name", def->display != NULL ? def->display : info->name);
    const_array(w, "dependents", def->dependents);
    cv_json_key(w, "order");
    cv_json_int(w, group == NULL ? -1 : info->order);
    cv_json_object_end(w);
}

static void
config_value(struct cv_json_writer *w, const struct config_info *info)
{
    cv_json_object(w);
    string_field(w, "name", info->name);
    string_field(w, "value", info->value != NULL && info->password ? "[hidden]" : info->value);
    if (info->recommended != NULL)
        string_array(w, "recommended_values", info->recommended, info->n_recommended);
    else
        const_array(w, "recommended_values", info->def == NULL ? NULL : info->def->recommended);
    string_array(w, "errors", info->errors, info->n_errors);
    cv_json_key(w, "visible");
    cv_json_bool(w, !info->hidden && (info->def == NULL || !info->def->invisible));
    cv_json_object_end(w);
}

void
rest_json_config_infos(struct cv_json_writer *w, const struct config_infos *infos)
{
    cv_json_object(w);
    string_field(w, "name", infos->name);
    cv_json_key(w, "error_count");
    cv_json_int(w, infos->error_count);
    string_array(w, "groups", infos->groups, infos->n_groups);
    cv_json_key(w, "configs");
    cv_json_array(w);
    for (size_t i = 0; i < infos->count; i++) {
        cv_json_object(w);
        cv_json_key(w, "definition");
        if (infos->items[i].def == NULL)
            cv_json_null(w);
        else
            config_key(w, &infos->items[i]);
        cv_json_key(w, "value");
        config_value(w, &infos->items[i]);
        cv_json_object_end(w);
    }
    cv_json_array_end(w);
    cv_json_object_end(w);
}

void
rest_json_config_keys(struct cv_json_writer *w, const struct config_infos *infos)
{
    cv_json_array(w);
    for (size_t i = 0; i < infos->count; i++)
        if (infos->items[i].def != NULL)
            config_key(w, &infos->items[i]);
    cv_json_array_end(w);
}
