/* SPDX-License-Identifier: Apache-2.0 */
/* What was streamed and is not visible yet. */
#include "connectors/postgres/visibility.h"

#include <stdlib.h>
#include <string.h>

void
visibility_done(struct visibility *vis)
{
    free(vis->streamed);
    *vis = (struct visibility){ .known = false };
}

void
visibility_forget(struct visibility *vis)
{
    vis->known = false;
    vis->barrier = 0;
    vis->n_streamed = 0;
}

static bool
grow(struct visibility *vis)
{
    size_t cap = vis->cap_streamed * 2 + 1024;
    uint32_t *grown = cap <= VISIBILITY_MAX ? realloc(vis->streamed, cap * sizeof(*grown)) : NULL;

    if (grown == NULL)
        return false;
    vis->streamed = grown;
    vis->cap_streamed = cap;
    return true;
}

void
visibility_streamed(struct visibility *vis, uint32_t xid)
{
    if (!vis->known && vis->barrier == 0)
        return; /* the next look is behind it */
    if (vis->n_streamed == vis->cap_streamed && !grow(vis))
        visibility_forget(vis);
    else
        vis->streamed[vis->n_streamed++] = xid;
}

/* Whether the snapshot sees a transaction that has ended for us; the low 32 bits tell, as in the server. */
static bool
sees(const char *snapshot, uint32_t xid)
{
    const char *at = strchr(snapshot, ':');

    if (at == NULL || (int32_t)(xid - (uint32_t)strtoull(at + 1, NULL, 10)) >= 0)
        return false;
    for (at = strchr(at + 1, ':'); at != NULL && at[1] != '\0'; at = strchr(at + 1, ','))
        if ((uint32_t)strtoull(at + 1, NULL, 10) == xid)
            return false;
    return true;
}

bool
visibility_look(struct visibility *vis, const char *snapshot)
{
    char *end;
    uint64_t oldest = strtoull(snapshot, &end, 10);

    if (!vis->known) {
        if (vis->barrier == 0)
            vis->barrier = *end == ':' ? strtoull(end + 1, NULL, 10) : UINT64_MAX;
        if (oldest < vis->barrier)
            return false;
        vis->known = true;
    }
    for (size_t i = 0; i < vis->n_streamed; i++)
        if (!sees(snapshot, vis->streamed[i]))
            return false;
    vis->n_streamed = 0;
    return true;
}
