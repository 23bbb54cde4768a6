/* SPDX-License-Identifier: Apache-2.0 */
/* Offsets as java.time has them, from files of tests/data/zoneinfo. */
#include "data/time_zone.h"

#include "tests/helper/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

#include "data/calendar.h"

static struct time_zone *
zone_of(const char *name)
{
    struct time_zone *zone = NULL;
    struct cv_err err = CV_ERR_INIT;

    if (time_zone_new(name, &zone, &err) != CV_OK)
        fail_msg("%s", err.text);
    return zone;
}

static int64_t
at(int year, int month, int day, int hour, int minute)
{
    return calendar_days(year, month, day) * 86400 + hour * 3600 + minute * 60;
}

static void
offsets_follow_table_and_rule(void **state)
{
    static const struct {
        const char *zone;
        int year, month, day, hour, minute;
        int utc;   /* offset in minutes where that is UTC */
        int local; /* where the zone's clocks show it */
    } cases[] = {
        { "UTC", 2024, 7, 1, 0, 0, 0, 0 },
        { "+05:30", 2024, 7, 1, 0, 0, 330, 330 },
        { "-18:00", 2024, 7, 1, 0, 0, -1080, -1080 },
        { "Etc/GMT+5", 2024, 7, 1, 0, 0, -300, -300 },
        { "Europe/Berlin", 2024, 3, 31, 0, 59, 60, 60 },
        { "Europe/Berlin", 2024, 3, 31, 1, 0, 120, 60 },
        { "Europe/Berlin", 2024, 3, 31, 2, 30, 120, 60 }, /* never shown */
        { "Europe/Berlin", 2024, 3, 31, 3, 0, 120, 120 },
        { "Europe/Berlin", 2024, 10, 27, 2, 30, 60, 120 }, /* shown twice */
        { "Europe/Berlin", 2024, 10, 27, 3, 0, 60, 60 },
        { "Europe/Berlin", 2100, 7, 1, 0, 0, 120, 120 }, /* by the rule */
        { "Europe/Berlin", 2100, 3, 28, 2, 30, 120, 60 },
        { "Europe/Berlin", 2100, 10, 31, 2, 30, 60, 120 },
        { "Europe/Berlin", 2100, 12, 31, 23, 59, 60, 60 },
        { "Australia/Lord_Howe", 2101, 1, 1, 0, 0, 660, 660 }, /* summer at the year's end */
        { "Australia/Lord_Howe", 2101, 7, 1, 0, 0, 630, 630 },
        { "Europe/Dublin", 2100, 7, 1, 0, 0, 60, 60 }, /* winter is the exception */
        { "Europe/Dublin", 2100, 1, 1, 0, 0, 0, 0 },
        { "Asia/Gaza", 2099, 10, 24, 1, 30, 120, 180 }, /* 50 hours into the fourth Thursday */
        { "Asia/Kolkata", 2100, 1, 1, 0, 0, 330, 330 },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        struct time_zone *zone = zone_of(cases[i].zone);
        int64_t when = at(cases[i].year, cases[i].month, cases[i].day, cases[i].hour, cases[i].minute);
        int utc = time_zone_offset(zone, when) / 60, local = time_zone_offset_of_local(zone, when) / 60;

        if (utc != cases[i].utc || local != cases[i].local)
            fail_msg("%s %d-%d-%d %d:%d: %d and %d minutes", cases[i].zone, cases[i].year, cases[i].month, cases[i].day,
                     cases[i].hour, cases[i].minute, utc, local);
        assert_int_equal(time_zone_offset(zone, INT64_MIN) + 1 > -100000, 1);
        assert_int_equal(time_zone_offset_of_local(zone, INT64_MAX) < 100000, 1);
        time_zone_free(zone);
    }
}

static void
what_is_no_zone_is_refused(void **state)
{
    static const struct {
        const char *name;
        enum cv_rc rc;
        const char *text; /* how it begins */
    } cases[] = {
        { "+5:30", CV_INVALID, "\"+5:30\" is no offset from UTC: write +hh:mm or -hh:mm, up to 18 hours" },
        { "+19:00", CV_INVALID, "\"+19:00\" is no offset" },
        { "+18:01", CV_INVALID, "\"+18:01\" is no offset" },
        { "+05:60", CV_INVALID, "\"+05:60\" is no offset" },
        { "", CV_INVALID, "\"\" is no time zone: write a region such as Europe/Berlin, or an offset such as +02:00" },
        { "../Berlin", CV_INVALID, "\"../Berlin\" is no time zone" },
        { "/etc/localtime", CV_INVALID, "\"/etc/localtime\" is no time zone" },
        { "Europe", CV_INVALID, "the rules of time zone \"Europe\" cannot be read: malformed TZif data" },
        { "Nowhere/City", CV_NOT_FOUND, "no time zone \"Nowhere/City\": could not open \"" },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        struct time_zone *zone = NULL;
        struct cv_err err = CV_ERR_INIT;

        assert_int_equal(time_zone_new(cases[i].name, &zone, &err), cases[i].rc);
        assert_null(zone);
        assert_memory_equal(err.text, cases[i].text, strlen(cases[i].text));
    }
}

static size_t
read_whole(const char *path, char *data, size_t max)
{
    FILE *file = fopen(path, "rb");
    size_t len;

    assert_non_null(file);
    len = fread(data, 1, max, file);
    fclose(file);
    return len;
}

static void
a_file_cut_anywhere_is_refused(void **state)
{
    static char data[10000];
    size_t len = read_whole(TEST_DATA "/zoneinfo/Europe/Berlin", data, sizeof(data));
    struct time_zone *zone = NULL;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    for (size_t n = 0; n < len; n++) {
        char *cut = malloc(n + 1);

        memcpy(cut, data, n);
        assert_int_equal(time_zone_read(cut, n, "cut", &zone, &err), CV_INVALID);
        assert_null(zone);
        free(cut);
    }
    assert_int_equal(time_zone_read(data, len, "whole", &zone, &err), CV_OK);
    time_zone_free(zone);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_follow_table_and_rule),
        cmocka_unit_test(what_is_no_zone_is_refused),
        cmocka_unit_test(a_file_cut_anywhere_is_refused),
    };

    setenv("TZDIR", TEST_DATA "/zoneinfo", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
