/* SPDX-License-Identifier: Apache-2.0 */
/* The application's workers; see peers.h. */
#include "streams/peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/http/client.h"
#include "common/kafka/producer.h"
#include "common/thread.h"

#define GROUP_TIMEOUT_MS 5000
#define ANSWER_MAX       ((size_t)16 << 20)

/* ---- who is there ---- */

static const char *
url_of(const struct cv_group_member *member)
{
    size_t len = strlen(PEER_CLIENT_ID);

    if (strncmp(member->client_id, PEER_CLIENT_ID, len) != 0 || member->client_id[len] != ' ')
        return "";
    return member->client_id + len + 1;
}

static int
by_id(const void *a, const void *b)
{
    return strcmp(((const struct peer *)a)->id, ((const struct peer *)b)->id);
}

static bool
is_owned(const struct cv_group_members *members, const char *topic, int32_t partition)
{
    for (size_t m = 0; m < members->count; m++) {
        const struct cv_topic_partitions *parts = &members->items[m].partitions;

        for (size_t i = 0; i < parts->count; i++) {
            if (parts->items[i].partition == partition && strcmp(parts->items[i].topic, topic) == 0)
                return true;
        }
    }
    return false;
}

static void
find_unowned(const struct plan *plan, const int32_t *partitions,
             const struct cv_group_members *members, struct peers *peers)
{
    for (size_t g = 0; g < plan->n_groups; g++) {
        const struct plan_group *group = &plan->groups[g];

        for (int32_t p = 0; p < partitions[group->anchor]; p++) {
            if (is_owned(members, plan->sources[group->anchor].topic, p))
                continue;
            snprintf(peers->unowned, sizeof(peers->unowned), "%s_%d", group->name, (int)p);
            return;
        }
    }
}

enum cv_rc
peers_find(struct cv_admin *admin, const struct plan *plan, const int32_t *partitions,
           const char *own, struct peers *ret, struct cv_err *err)
{
    struct cv_group_members members = { 0 };
    struct peers peers = { 0 };
    enum cv_rc rc =
        cv_admin_group_members(admin, plan->application_id, GROUP_TIMEOUT_MS, &members, err);

    if (rc == CV_OK)
        peers.items = calloc(members.count + 1, sizeof(*peers.items));
    if (rc == CV_OK && peers.items == NULL)
        rc = cv_fail_memory(err);
    for (size_t i = 0; rc == CV_OK && i < members.count; i++) {
        struct peer *peer = &peers.items[peers.count++];
        const char *id = members.items[i].instance_id;

        snprintf(peer->id, sizeof(peer->id), "%s", id == NULL ? members.items[i].client_id : id);
        snprintf(peer->url, sizeof(peer->url), "%s", url_of(&members.items[i]));
        peer->self = strcmp(peer->id, own) == 0;
        peer->n_tasks = members.items[i].partitions.count;
        cv_buf_init(&peer->answer, ANSWER_MAX);
    }
    if (rc == CV_OK && partitions != NULL)
        find_unowned(plan, partitions, &members, &peers);
    if (peers.count > 0)
        qsort(peers.items, peers.count, sizeof(*peers.items), by_id);
    cv_group_members_done(&members);
    if (rc == CV_OK)
        *ret = peers;
    else
        peers_done(&peers);
    return rc;
}

void
peers_done(struct peers *peers)
{
    for (size_t i = 0; i < peers->count; i++)
        cv_buf_free(&peers->items[i].answer);
    free(peers->items);
    *peers = (struct peers){ 0 };
}

/* ---- asking ---- */

struct asking {
    struct peer *peer;
    const struct peers_call *call;
    struct cv_thread *thread;
};

static void
ask(void *arg)
{
    struct asking *asking = arg;
    struct peer *peer = asking->peer;
    static const struct cv_raw_header json = { .name = "Content-Type",
                                               .value = { .data = "application/json", .len = 16 } };
    char url[1024];
    struct cv_http_call call = { .method = asking->call->method,
                                 .url = url,
                                 .headers = &json,
                                 .n_headers = 1,
                                 .body = asking->call->body,
                                 .body_len = asking->call->body_len,
                                 .timeout_ms = asking->call->timeout_ms,
                                 .max_answer = ANSWER_MAX,
                                 .tls = asking->call->tls };

    if (peer->url[0] == '\0') {
        cv_fail(&peer->err, CV_RETRY, "it does not tell where its REST listens");
        return;
    }
    snprintf(url, sizeof(url), "%s%s%ctasks=%zu", peer->url, asking->call->path,
             strchr(asking->call->path, '?') != NULL ? '&' : '?', peer->n_tasks);
    if (cv_http_request(&call, &peer->status, &peer->answer, &peer->err) != CV_OK)
        peer->status = 0;
}

void
peers_ask(struct peers *peers, const struct peers_call *call)
{
    struct asking *all = calloc(peers->count + 1, sizeof(*all));

    for (size_t i = 0; i < peers->count; i++) {
        struct peer *peer = &peers->items[i];

        if (peer->self)
            continue;
        if (all == NULL) {
            (void)cv_fail_memory(&peer->err);
            continue;
        }
        all[i] = (struct asking){ .peer = peer, .call = call };
        if (cv_thread_start("ask-peer", ask, &all[i], &all[i].thread, &peer->err) != CV_OK)
            all[i].thread = NULL;
    }
    for (size_t i = 0; all != NULL && i < peers->count; i++)
        (void)cv_thread_join(all[i].thread, -1);
    free(all);
}
