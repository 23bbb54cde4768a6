/* SPDX-License-Identifier: Apache-2.0 */
/* What tasks are doing; see status.h. */
#include "streams/engine/status.h"

#include <stdlib.h>
#include <string.h>

struct status_board {
    struct cv_lock lock;
    struct task_status *items;
    size_t count;
    size_t cap;
};

const char *
task_state_name(enum task_state state)
{
    static const char *const names[] = {
#define TASK_STATE(name) [TASK_##name] = #name,
        TASK_STATES(TASK_STATE)
#undef TASK_STATE
    };

    return names[state];
}

bool
task_state_may(enum task_state from, enum task_state to)
{
    static const bool legal[TASK_STATE_COUNT][TASK_STATE_COUNT] = {
        [TASK_CREATED] = { [TASK_RESTORING] = true,
                           [TASK_RUNNING] = true,
                           [TASK_FAILED] = true,
                           [TASK_PAUSED] = true,
                           [TASK_CLOSED] = true,
                           [TASK_CREATED] = true },
        [TASK_RESTORING] = { [TASK_RUNNING] = true,
                             [TASK_PAUSED] = true,
                             [TASK_FAILED] = true,
                             [TASK_CREATED] = true,
                             [TASK_CLOSED] = true },
        [TASK_RUNNING] = { [TASK_PAUSED] = true,
                           [TASK_FAILED] = true,
                           [TASK_CREATED] = true,
                           [TASK_CLOSED] = true },
        [TASK_PAUSED] = { [TASK_RUNNING] = true,
                          [TASK_FAILED] = true,
                          [TASK_CREATED] = true,
                          [TASK_CLOSED] = true },
        [TASK_FAILED] = { [TASK_CREATED] = true, [TASK_CLOSED] = true },
    };

    return legal[from][to];
}

struct status_board *
status_board_new(void)
{
    struct status_board *board = calloc(1, sizeof(*board));

    if (board != NULL)
        cv_lock_init(&board->lock, CV_RANK_TASK);
    return board;
}

void
status_board_free(struct status_board *board)
{
    if (board == NULL)
        return;
    cv_lock_done(&board->lock);
    free(board->items);
    free(board);
}

static size_t
find(const struct status_board *board, const char *id)
{
    size_t i = 0;

    while (i < board->count && strcmp(board->items[i].id, id) < 0)
        i++;
    return i;
}

static bool
is_at(const struct status_board *board, size_t i, const char *id)
{
    return i < board->count && strcmp(board->items[i].id, id) == 0;
}

void
status_board_set(struct status_board *board, const struct task_status *status)
{
    size_t i;

    cv_lock(&board->lock);
    i = find(board, status->id);
    if (!is_at(board, i, status->id) && board->count == board->cap) {
        size_t cap = board->cap == 0 ? 8 : 2 * board->cap;
        struct task_status *items = realloc(board->items, cap * sizeof(*items));

        if (items != NULL) {
            board->items = items;
            board->cap = cap;
        }
    }
    if (!is_at(board, i, status->id) && board->count < board->cap) {
        memmove(&board->items[i + 1], &board->items[i], (board->count - i) * sizeof(*board->items));
        board->count++;
        board->items[i] = *status;
    } else if (is_at(board, i, status->id)) {
        board->items[i] = *status;
    }
    cv_unlock(&board->lock);
}

void
status_board_remove(struct status_board *board, const char *id)
{
    size_t i;

    cv_lock(&board->lock);
    i = find(board, id);
    if (is_at(board, i, id)) {
        board->count--;
        memmove(&board->items[i], &board->items[i + 1], (board->count - i) * sizeof(*board->items));
    }
    cv_unlock(&board->lock);
}

struct task_status *
status_board_copy(struct status_board *board, size_t *ret_count)
{
    struct task_status *copy = NULL;

    *ret_count = 0;
    cv_lock(&board->lock);
    if (board->count > 0)
        copy = malloc(board->count * sizeof(*copy));
    if (copy != NULL) {
        memcpy(copy, board->items, board->count * sizeof(*copy));
        *ret_count = board->count;
    }
    cv_unlock(&board->lock);
    return copy;
}
