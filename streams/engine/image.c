/* SPDX-License-Identifier: Apache-2.0 */
/* A copy of a task's tables in memory; see image.h. */
#include "streams/engine/image.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/thread.h"
#include "streams/engine/status.h"

enum image_state {
    IMAGE_ASKED,
    IMAGE_UNDER_WAY, /* the asker must wait, whatever its deadline says */
    IMAGE_OVER,      /* made, refused, or given up */
};

struct image {
    char task[TASK_ID_MAX];
    struct database *into;

    struct cv_lock lock; /* guards what follows */
    struct cv_cond changed;
    enum image_state state;
    struct cv_err err; /* rc CV_OK: it was made */
    size_t threads;    /* that may have the task */
    size_t refs;
};

struct image *
image_new(const char *task, struct database *into, size_t threads)
{
    struct image *image = calloc(1, sizeof(*image));

    if (image == NULL)
        return NULL;
    *image = (struct image){ .into = into, .threads = threads, .refs = threads + 1 };
    snprintf(image->task, sizeof(image->task), "%s", task);
    cv_lock_init(&image->lock, CV_RANK_QUEUE);
    cv_cond_init(&image->changed);
    return image;
}

void
image_unref(struct image *image)
{
    bool last;

    if (image == NULL)
        return;
    cv_lock(&image->lock);
    last = --image->refs == 0;
    cv_unlock(&image->lock);
    if (!last)
        return;
    cv_cond_done(&image->changed);
    cv_lock_done(&image->lock);
    free(image);
}

const char *
image_task(const struct image *image)
{
    return image->task;
}

enum cv_rc
image_wait(struct image *image, int64_t deadline_ms, struct cv_err *err)
{
    enum cv_rc rc;

    cv_lock(&image->lock);
    while (image->state == IMAGE_ASKED && cv_cond_wait(&image->changed, &image->lock, deadline_ms))
        ;
    while (image->state == IMAGE_UNDER_WAY)
        (void)cv_cond_wait(&image->changed, &image->lock, -1);
    if (image->state == IMAGE_ASKED) {
        image->state = IMAGE_OVER;
        cv_fail(&image->err, CV_RETRY, "task %s has not come to a commit in that time; try again", image->task);
    }
    rc = image->err.rc;
    if (rc != CV_OK)
        *err = image->err;
    cv_unlock(&image->lock);
    return rc;
}

bool
image_begin(struct image *image, struct database **ret_into)
{
    bool wanted;

    cv_lock(&image->lock);
    wanted = image->state == IMAGE_ASKED;
    if (wanted)
        image->state = IMAGE_UNDER_WAY;
    cv_unlock(&image->lock);
    *ret_into = image->into;
    return wanted;
}

static void
end(struct image *image, const struct cv_err *err)
{
    cv_lock_assert_held(&image->lock);
    image->state = IMAGE_OVER;
    if (err != NULL)
        image->err = *err;
    cv_cond_signal(&image->changed);
}

void
image_end(struct image *image, enum cv_rc rc, const struct cv_err *err)
{
    cv_lock(&image->lock);
    end(image, rc != CV_OK ? err : NULL);
    cv_unlock(&image->lock);
}

void
image_pass(struct image *image)
{
    struct cv_err err = CV_ERR_INIT;

    cv_lock(&image->lock);
    if (--image->threads == 0 && image->state == IMAGE_ASKED) {
        cv_fail(&err, CV_RETRY, "task %s is not open here at this moment; try again", image->task);
        end(image, &err);
    }
    cv_unlock(&image->lock);
}
