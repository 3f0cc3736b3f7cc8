/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/util/limited-warning.h"

static void test_pass(void)
{
    WarningLimit limit = {0};
    guint dropped = 77;

    for (unsigned i = 0; i < LIMITED_WARNING_LINES; i++) {
        g_assert_true(warning_limit_pass(&limit, 1000 + i, &dropped));
        g_assert_cmpuint(dropped, ==, 0);
    }
    for (unsigned i = 0; i < 5; i++)
        g_assert_false(warning_limit_pass(&limit, 2000, &dropped));
    g_assert_false(warning_limit_pass(&limit, 1000 + LIMITED_WARNING_PERIOD - 1, &dropped));
    g_assert_true(warning_limit_pass(&limit, 1000 + LIMITED_WARNING_PERIOD, &dropped));
    g_assert_cmpuint(dropped, ==, 6);
    g_assert_true(warning_limit_pass(&limit, 1001 + LIMITED_WARNING_PERIOD, &dropped));
    g_assert_cmpuint(dropped, ==, 0);
}

static void count(const char *domain, GLogLevelFlags level, const char *message, void *lines)
{
    ++*(unsigned *)lines;
}

static void warn(void)
{
    WARN_LIMITED("number %u", 1u);
}

static void test_lines(void)
{
    unsigned lines = 0;
    guint handler = g_log_set_handler(G_LOG_DOMAIN, G_LOG_LEVEL_WARNING, count, &lines);

    for (unsigned i = 0; i < LIMITED_WARNING_LINES * 3; i++)
        warn();
    g_assert_cmpuint(lines, ==, LIMITED_WARNING_LINES);
    WARN_LIMITED("another place");
    g_assert_cmpuint(lines, ==, LIMITED_WARNING_LINES + 1);
    g_log_remove_handler(G_LOG_DOMAIN, handler);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_log_set_always_fatal(G_LOG_FATAL_MASK);
    g_test_add_func("/limited-warning/pass", test_pass);
    g_test_add_func("/limited-warning/lines", test_lines);
    return g_test_run();
}
