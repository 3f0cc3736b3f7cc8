/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How many items may wait for a client that takes them at some speed. */
#include "server/core/pace.h"

/* After `us` during which one item was taken each `us_per_item`, in bundles of `bundle`, and always some waited. */
static void take(Pace *p, gint64 *now, gint64 us, gint64 us_per_item, unsigned bundle)
{
    for (gint64 end = *now + us; *now < end;) {
        *now += us_per_item * bundle;
        pace_sent(p, bundle, *now);
    }
}

static void test_speeds(void)
{
    static const struct {
        gint64 us_per_item;
        unsigned bundle, limit;
    } cases[] = {
        {1, 48, PACE_MAX}, {1250, 1, PACE_MAX}, {2000, 1, 125},        {2000, 5, 125},
        {2500, 10, 100},   {5000, 1, PACE_MIN}, {100000, 1, PACE_MIN},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        gint64 now = 1000;
        Pace p;

        pace_init(&p);
        g_assert_cmpuint(p.limit, ==, PACE_MIN);
        pace_begin(&p, now);
        take(&p, &now, PACE_MEASURE_US, cases[i].us_per_item, cases[i].bundle);
        g_assert_cmpuint(p.limit, ==, cases[i].limit);
    }
}

/* A client that becomes slower, or faster, is known to be after the time of one measurement or two. */
static void test_changes(void)
{
    gint64 now = 0;
    Pace p;

    pace_init(&p);
    pace_begin(&p, now);
    take(&p, &now, 2 * PACE_MEASURE_US, 100, 1);
    g_assert_cmpuint(p.limit, ==, PACE_MAX);
    take(&p, &now, 2 * PACE_MEASURE_US, 50000, 1);
    g_assert_cmpuint(p.limit, ==, PACE_MIN);
    take(&p, &now, 2 * PACE_MEASURE_US, 100, 1);
    g_assert_cmpuint(p.limit, ==, PACE_MAX);
}

/* Nothing is said of a client while nothing waits for it, nor while too little time has passed. */
static void test_silence(void)
{
    gint64 now = 0;
    Pace p;

    pace_init(&p);
    pace_begin(&p, now);
    take(&p, &now, PACE_MEASURE_US, 100, 1);
    g_assert_cmpuint(p.limit, ==, PACE_MAX);
    now += (gint64)G_USEC_PER_SEC * 3600;
    pace_begin(&p, now);
    pace_sent(&p, 1, now + PACE_MEASURE_US / 2);
    g_assert_cmpuint(p.limit, ==, PACE_MAX);
    pace_begin(&p, now + PACE_MEASURE_US - 1);
    pace_sent(&p, 0, now + PACE_MEASURE_US);
    g_assert_cmpuint(p.limit, ==, PACE_MAX);
}

/* Only the time counts in which something waits, in however short pieces. */
static void test_bursts(void)
{
    gint64 now = 0;
    Pace p;

    pace_init(&p);
    for (unsigned i = 0; i < 500; i++) {
        pace_begin(&p, now);
        pace_sent(&p, 5, now + 100);
        now += G_USEC_PER_SEC;
    }
    g_assert_cmpuint(p.limit, ==, PACE_MAX);
    for (unsigned i = 0; i < 10; i++) {
        pace_begin(&p, now);
        pace_sent(&p, 1, now + 10000);
        now += G_USEC_PER_SEC;
    }
    g_assert_cmpuint(p.limit, ==, PACE_MIN);
}

/* A client that does not take anything for long, though something waits. */
static void test_stalled(void)
{
    gint64 now = 0;
    Pace p;

    pace_init(&p);
    pace_begin(&p, now);
    take(&p, &now, PACE_MEASURE_US, 100, 1);
    pace_sent(&p, 1, now + G_USEC_PER_SEC * 10);
    g_assert_cmpuint(p.limit, ==, PACE_MIN);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pace/speeds", test_speeds);
    g_test_add_func("/pace/changes", test_changes);
    g_test_add_func("/pace/silence", test_silence);
    g_test_add_func("/pace/bursts", test_bursts);
    g_test_add_func("/pace/stalled", test_stalled);
    return g_test_run();
}
