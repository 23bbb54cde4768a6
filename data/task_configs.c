/* SPDX-License-Identifier: Apache-2.0 */
/* The task configs that a connector hands to the worker: a list that owns its configs. */
#include <config.h>

#include <culvert/plugin.h>

#include <stdlib.h>

enum cv_rc
cv_task_configs_add(struct cv_task_configs *configs, struct cv_config *take_cfg, struct cv_err *err)
{
    struct cv_config **items = configs->items;
    size_t more = configs->cap == 0 ? 4 : configs->cap * 2;

    if (take_cfg == NULL)
        return cv_fail_memory(err);
    if (configs->count == configs->cap) {
        items = realloc(items, more * sizeof(struct cv_config *));
        if (items == NULL) {
            cv_config_free(take_cfg);
            return cv_fail_memory(err);
        }
        configs->items = items;
        configs->cap = more;
    }
    items[configs->count++] = take_cfg;
    return CV_OK;
}

void
cv_task_configs_done(struct cv_task_configs *configs)
{
    for (size_t i = 0; i < configs->count; i++)
        cv_config_free(configs->items[i]);
    free(configs->items);
    *configs = (struct cv_task_configs){ .items = NULL };
}
