/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/migration/report.h"
#include "tests/unit/migration-samples.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

static void assert_contains(const char *text, const char *part)
{
    if (!strstr(text, part))
        g_error("no %s in %s", part, text);
}

static void test_content(void)
{
    g_autoptr(MigrationReport) report = migration_report_new(MIGRATION_ROLE_DESTINATION);
    g_autoptr(GBytes) bytes = NULL;
    g_autofree uint8_t *data = NULL;
    g_autofree char *json = NULL;
    g_autoptr(JsonNode) node = NULL;
    GArray *sections = NULL;
    DisplayState s, out;

    sample_display_small(&s);
    s.sections &= ~(unsigned)(DISPLAY_SECTION_PREFERENCES | DISPLAY_SECTION_LEFTOVERS);
    bytes = display_state_encode(&s, true);
    display_state_clear(&s);
    data = g_memdup2(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    data[g_bytes_get_size(bytes) - 1] ^= 1; /* the palettes, which are last */
    g_assert_true(display_state_decode(data, g_bytes_get_size(bytes), -1, &out, &sections, NULL));

    migration_report_set_mode(report, MIGRATION_MODE_SEAMLESS);
    migration_report_phase(report, "prepare");
    migration_report_phase(report, "restore");
    migration_report_channel(report, "main-0", 65);
    migration_report_display(report, "display-0", g_bytes_get_size(bytes), &out, sections);
    migration_report_count(report, "surfaces", 3);
    migration_report_end(report, "completed", NULL);
    migration_report_end(report, "failed", "too late");
    json = migration_report_to_json(report);
    node = json_from_string(json, NULL);
    g_assert_nonnull(node);
    g_assert_null(strchr(json, '\n'));
    assert_contains(json, "\"role\":\"destination\",\"mode\":\"seamless\",\"result\":\"completed\"");
    assert_contains(json, "{\"name\":\"main-0\",\"bytes\":65,\"sections\":[]}");
    assert_contains(json, "{\"tag\":\"CACH\",\"restored\":true}");
    assert_contains(json, "{\"tag\":\"PALS\",\"restored\":false,\"why\":\"checksum is wrong\"}");
    assert_contains(json, "{\"tag\":\"PREF\",\"restored\":false,\"why\":\"missing\"}");
    assert_contains(json,
                    "\"cache_entries\":3,\"cache_pixels\":124192,\"palettes\":0,\"surfaces\":5,\"lossy_rects\":2}");
    section_reports_free(sections);
    display_state_clear(&out);
}

static gpointer work(gpointer report)
{
    for (unsigned i = 0; i < 1000; i++) {
        migration_report_count(report, "n", 1);
        migration_report_channel(report, "display-1", 2);
        if (i % 100 == 0)
            g_free(migration_report_to_json(report));
    }
    migration_report_unref(report);
    return NULL;
}

static void test_threads(void)
{
    g_autoptr(MigrationReport) report = migration_report_new(MIGRATION_ROLE_SOURCE);
    g_autofree char *json = NULL;
    GThread *threads[4];

    for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("work", work, migration_report_ref(report));
    for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
    json = migration_report_to_json(report);
    assert_contains(json, "\"result\":\"unfinished\"");
    assert_contains(json, "\"counts\":{\"n\":4000}");
    assert_contains(json, "\"bytes\":8000");
}

static void test_file(void)
{
    g_autofree char *dir = g_dir_make_tmp("report-XXXXXX", NULL), *path = g_build_filename(dir, "log", NULL);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    g_setenv("SPICE_CARAVAN_REPORT", path, TRUE);
    for (unsigned i = 0; i < 2; i++) {
        g_autoptr(MigrationReport) report = migration_report_new(MIGRATION_ROLE_SOURCE);

        migration_report_end(report, "cancelled", "the host \"changed\" its mind");
        migration_report_write(report);
        migration_report_write(report);
    }
    g_unsetenv("SPICE_CARAVAN_REPORT");
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    lines = g_strsplit(text, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, 3); /* the last one is empty */
    assert_contains(lines[1], "\"reason\":\"the host \\\"changed\\\" its mind\"");
    g_unlink(path);
    g_rmdir(dir);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/migration/report/content", test_content);
    g_test_add_func("/migration/report/threads", test_threads);
    g_test_add_func("/migration/report/file", test_file);
    return g_test_run();
}
