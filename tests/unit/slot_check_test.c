/* SPDX-License-Identifier: Apache-2.0 */
/* What makes slot_check() refuse to stream: each row is a way to lose changes without the server saying so. */
#include "connectors/postgres/slot.h"

#include "tests/helper/cmocka_all.h"

#include <stdio.h>

static const struct slot_info good_slot = { .exists = true,
                                            .plugin = "pgoutput",
                                            .database = "shop",
                                            .wal_status = "reserved",
                                            .restart_lsn = 0x1000,
                                            .confirmed_flush_lsn = 0x2000 };
static const struct system_info good_system = { .system_id = 42, .timeline = 2, .wal_end = 0x9000 };
static const struct position good_position = { .phase = POSITION_STREAM, .lsn = 0x3000, .system_id = 42,
                                               .timeline = 2 };

struct given {
    struct slot_info slot;
    struct system_info sys;
    struct position pos;
};

static void
no_slot(struct given *g)
{
    g->slot.exists = false;
}

static void
other_plugin(struct given *g)
{
    snprintf(g->slot.plugin, sizeof(g->slot.plugin), "decoderbufs");
}

static void
other_database(struct given *g)
{
    snprintf(g->slot.database, sizeof(g->slot.database), "crm");
}

static void
invalidated(struct given *g)
{
    snprintf(g->slot.wal_status, sizeof(g->slot.wal_status), "lost");
}

static void
slot_ahead(struct given *g)
{
    g->slot.confirmed_flush_lsn = 0x3001;
}

static void
other_cluster(struct given *g)
{
    g->sys.system_id = 43;
}

static void
older_timeline(struct given *g)
{
    g->sys.timeline = 1;
}

static void
wal_behind(struct given *g)
{
    g->sys.wal_end = 0x2fff;
}

static void
in_use(struct given *g)
{
    g->slot.active = true;
    g->slot.active_pid = 1234;
}

static const struct {
    void (*change)(struct given *given);
    enum cv_rc rc;
    const char *says[4]; /* all of these */
} rows[] = {
    { no_slot, CV_INVALID, { "does not exist", "0/3000", "reset its offsets" } },
    { other_plugin, CV_INVALID, { "decoderbufs", "not pgoutput", "slot.name" } },
    { other_database, CV_INVALID, { "\"crm\"", "\"shop\"", "slot.name" } },
    { invalidated, CV_INVALID, { "invalidated", "0/3000", "0/9000" } },
    { slot_ahead, CV_INVALID, { "0/3001", "ahead of the stored position 0/3000", "reset its offsets" } },
    { other_cluster, CV_INVALID, { "identifier is 43, the stored offset is of 42", "another database cluster",
                                   "0/3000", "0/9000" } },
    { older_timeline, CV_INVALID, { "timeline 1, the stored offset is of timeline 2", "backup", "0/3000", "0/9000" } },
    { wal_behind, CV_INVALID, { "0/3000", "0/2FFF", "ahead of the server's WAL" } },
    { in_use, CV_RETRY, { "in use by process 1234", "up to 0/2000", "0/3000; stop the other consumer", "slot.name" } },
};

/* In the order of a start. */
static enum cv_rc
slot_check(const struct slot_info *slot, const struct system_info *sys, const struct position *pos, struct cv_err *err)
{
    enum cv_rc rc = slot_check_position("s", slot, sys, pos, err);

    return rc == CV_OK ? slot_check_use("s", slot, "shop", pos->lsn, err) : rc;
}

static void
a_slot_that_continues_the_position_is_good(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(slot_check(&good_slot, &good_system, &good_position, &err), CV_OK);
}

/* A stored offset of Debezium's does not know the server; a promoted standby is on a later timeline. */
static void
what_the_offset_does_not_say_is_not_compared(void **state)
{
    struct position pos = good_position;
    struct system_info sys = good_system;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    pos.system_id = 0;
    pos.timeline = 0;
    assert_int_equal(slot_check(&good_slot, &good_system, &pos, &err), CV_OK);
    sys.timeline = 3;
    assert_int_equal(slot_check(&good_slot, &sys, &good_position, &err), CV_OK);
}

static void
every_loss_is_named_with_positions_and_remedy(void **state)
{
    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        struct given given = { good_slot, good_system, good_position };
        struct cv_err err = CV_ERR_INIT;

        rows[i].change(&given);
        assert_int_equal(slot_check(&given.slot, &given.sys, &given.pos, &err), rows[i].rc);
        for (size_t k = 0; k < CV_COUNT(rows[i].says) && rows[i].says[k] != NULL; k++)
            if (strstr(err.text, rows[i].says[k]) == NULL)
                fail_msg("row %zu: \"%s\" does not say \"%s\"", i, err.text, rows[i].says[k]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slot_that_continues_the_position_is_good),
        cmocka_unit_test(what_the_offset_does_not_say_is_not_compared),
        cmocka_unit_test(every_loss_is_named_with_positions_and_remedy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
