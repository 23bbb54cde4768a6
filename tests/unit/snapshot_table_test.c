/* SPDX-License-Identifier: Apache-2.0 */
/* By which statements a snapshot reads a table, from its beginning or from where an interrupted one was. */
#include "connectors/postgres/snapshot_table.h"

#include "tests/helper/cmocka_all.h"

static struct plan_column column = { .column = (char *)"id" };
static struct plan plan = { .columns = &column, .n_columns = 1 };
static struct pg_table table = { .schema = (char *)"public", .name = (char *)"t" };
static bool reads[] = { true };

static struct snapshot_table
item_of(uint64_t pages, uint64_t range_pages)
{
    return (struct snapshot_table){ .table = &table, .plan = &plan, .reads = reads, .pages = pages,
                                    .range_pages = range_pages };
}

static void
next_is(struct snapshot_table *item, const char *where, uint64_t first, uint64_t pages)
{
    struct cv_buf sql = CV_BUF_INIT(1024), want = CV_BUF_INIT(1024);
    struct cv_err err = CV_ERR_INIT;
    uint64_t got_first = 99, got_pages = 99;

    assert_false(item->given);
    assert_int_equal(snapshot_table_copy(item, &sql, &got_first, &got_pages, &err), CV_OK);
    cv_buf_printf(&want, "COPY (SELECT \"id\" FROM ONLY \"public\".\"t\"%s) TO STDOUT", where);
    assert_string_equal(cv_buf_cstr(&sql), cv_buf_cstr(&want));
    assert_int_equal(got_first, first);
    assert_int_equal(got_pages, pages);
    cv_buf_free(&sql);
    cv_buf_free(&want);
}

static size_t
ranges(struct snapshot_table *item)
{
    return snapshot_tables_ranges(&(struct snapshot_table_list){ .items = item, .count = 1 });
}

static void
a_table_without_ranges_is_read_at_once(void **state)
{
    struct snapshot_table item = item_of(700, 0);

    (void)state;
    assert_int_equal(ranges(&item), 1);
    next_is(&item, "", 0, 700);
    assert_true(item.given);
}

static void
ranges_follow_each_other_and_the_last_is_open(void **state)
{
    struct snapshot_table item = item_of(1200, 512);

    (void)state;
    assert_int_equal(ranges(&item), 3);
    next_is(&item, " WHERE ctid >= '(0,0)'::tid AND ctid < '(512,0)'::tid", 0, 512);
    next_is(&item, " WHERE ctid >= '(512,0)'::tid AND ctid < '(1024,0)'::tid", 512, 512);
    next_is(&item, " WHERE ctid >= '(1024,0)'::tid", 1024, 176);
    assert_true(item.given);
    assert_int_equal(ranges(&item), 0);
}

/* The look back counts as the range that follows: what is handed over of it moves nothing. */
static void
a_table_that_goes_on_is_looked_through_first(void **state)
{
    struct snapshot_table item = item_of(1200, 512);

    (void)state;
    item.pages_before = item.next = 512;
    item.xid = (UINT64_C(3) << 32) + 771;
    item.looks_back = true;
    assert_int_equal(ranges(&item), 3);
    next_is(&item, " WHERE ctid < '(512,0)'::tid AND age(xmin) <= age('771'::xid)", 512, 0);
    next_is(&item, " WHERE ctid >= '(512,0)'::tid AND ctid < '(1024,0)'::tid", 512, 512);
    next_is(&item, " WHERE ctid >= '(1024,0)'::tid", 1024, 176);
    assert_true(item.given);
}

/* All of its pages were delivered, or it is shorter now; rows may have come behind them. */
static void
behind_its_last_page_there_is_still_one_range(void **state)
{
    struct snapshot_table item = item_of(1024, 512);

    (void)state;
    item.pages_before = item.next = 1024;
    item.looks_back = true;
    assert_int_equal(ranges(&item), 2);
    next_is(&item, " WHERE ctid < '(1024,0)'::tid AND age(xmin) <= age('0'::xid)", 1024, 0);
    next_is(&item, " WHERE ctid >= '(1024,0)'::tid", 1024, 0);
    assert_true(item.given);
}

static void
progress_counts_what_was_delivered_before(void **state)
{
    struct snapshot_table item = item_of(1000, 512);

    (void)state;
    assert_float_equal(snapshot_table_percent(&item), 0, 0.01);
    item.pages_before = item.next = item.pages_done = 512;
    assert_float_equal(snapshot_table_percent(&item), 51.2, 0.01);
    item.state = TABLE_COMPLETED;
    assert_float_equal(snapshot_table_percent(&item), 100, 0.01);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_without_ranges_is_read_at_once),
        cmocka_unit_test(ranges_follow_each_other_and_the_last_is_open),
        cmocka_unit_test(a_table_that_goes_on_is_looked_through_first),
        cmocka_unit_test(behind_its_last_page_there_is_still_one_range),
        cmocka_unit_test(progress_counts_what_was_delivered_before),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
