/* SPDX-License-Identifier: Apache-2.0 */
/* ConfigInfos: rows, values, errors. Values may be secrets and are wiped. */
#include <config.h>

#include "worker/config_infos.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/secret.h"

static enum cv_rc
append(char ***items, size_t *count, const char *text, struct cv_err *err)
{
    char **bigger = realloc(*items, (*count + 1) * sizeof(*bigger));

    if (bigger == NULL)
        return cv_fail_memory(err);
    *items = bigger;
    bigger[*count] = strdup(text);
    if (bigger[*count] == NULL)
        return cv_fail_memory(err);
    (*count)++;
    return CV_OK;
}

static void
strings_free(char **items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(items[i]);
    free(items);
}

static void
value_free(char *value)
{
    if (value != NULL)
        cv_secret_wipe(value, strlen(value));
    free(value);
}

struct config_info *
config_infos_add(struct config_infos *infos, const char *name, const struct cv_config_def *def)
{
    struct config_info *items = realloc(infos->items, (infos->count + 1) * sizeof(*items)), *info;

    if (items == NULL)
        return NULL;
    infos->items = items;
    info = &items[infos->count];
    *info = (struct config_info){ .name = strdup(name), .def = def };
    if (info->name == NULL)
        return NULL;
    if (def != NULL) {
        info->order = def->order;
        info->password = def->type == CV_CONFIG_PASSWORD;
    }
    infos->count++;
    return info;
}

struct config_info *
config_infos_find(const struct config_infos *infos, const char *name)
{
    for (size_t i = 0; i < infos->count; i++)
        if (strcmp(infos->items[i].name, name) == 0)
            return &infos->items[i];
    return NULL;
}

enum cv_rc
config_infos_group(struct config_infos *infos, const char *group, struct cv_err *err)
{
    if (group == NULL)
        return CV_OK;
    for (size_t i = 0; i < infos->n_groups; i++)
        if (strcmp(infos->groups[i], group) == 0)
            return CV_OK;
    return append(&infos->groups, &infos->n_groups, group, err);
}

enum cv_rc
config_info_error(struct config_info *info, const char *text, struct cv_err *err)
{
    return append(&info->errors, &info->n_errors, text, err);
}

enum cv_rc
config_info_value(struct config_info *info, const char *value, struct cv_err *err)
{
    char *copy = value == NULL ? NULL : strdup(value);

    if (value != NULL && copy == NULL)
        return cv_fail_memory(err);
    value_free(info->value);
    info->value = copy;
    return CV_OK;
}

enum cv_rc
config_info_recommend(struct config_info *info, const char *value, struct cv_err *err)
{
    return append(&info->recommended, &info->n_recommended, value, err);
}

/* One block: the definition, then the two strings, which an earlier redefinition may own. */
enum cv_rc
config_info_redefine(struct config_info *info, const char *def, const char *display, struct cv_err *err)
{
    size_t def_size, display_size;
    struct cv_config_def *made;
    char *text;

    def = def != NULL ? def : info->def->def;
    display = display != NULL ? display : info->def->display;
    def_size = def == NULL ? 0 : strlen(def) + 1;
    display_size = display == NULL ? 0 : strlen(display) + 1;
    made = malloc(sizeof(*made) + def_size + display_size);
    if (made == NULL)
        return cv_fail_memory(err);
    text = (char *)(made + 1);
    *made = *info->def;
    made->def = def == NULL ? NULL : memcpy(text, def, def_size);
    made->display = display == NULL ? NULL : memcpy(text + def_size, display, display_size);
    free(info->made_def);
    info->made_def = made;
    info->def = made;
    return CV_OK;
}

void
config_info_done(struct config_info *info)
{
    value_free(info->value);
    strings_free(info->errors, info->n_errors);
    strings_free(info->recommended, info->n_recommended);
    free(info->made_def);
    free(info->group);
    free(info->name);
    *info = (struct config_info){ .name = NULL };
}

void
config_infos_done(struct config_infos *infos)
{
    for (size_t i = 0; i < infos->count; i++)
        config_info_done(&infos->items[i]);
    free(infos->items);
    strings_free(infos->groups, infos->n_groups);
    free(infos->name);
    *infos = (struct config_infos){ .name = NULL };
}

void
config_infos_message(const struct config_infos *infos, struct cv_buf *out)
{
    cv_buf_printf(out, "Connector configuration is invalid and contains the following %d error(s):",
                  infos->error_count);
    for (size_t i = 0; i < infos->count; i++)
        for (size_t e = 0; e < infos->items[i].n_errors; e++) {
            cv_buf_char(out, '\n');
            cv_buf_str(out, infos->items[i].errors[e]);
        }
    cv_buf_str(out, "\nYou can also find the above list of errors at the endpoint "
                    "`/connector-plugins/{connectorType}/config/validate`");
}
