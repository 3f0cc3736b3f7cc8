/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The built library shows hosts what the stock one shows: symbols, their versions, soname. Needs nm and readelf. */
#include <glib.h>
#include <spice.h>
#include <stdbool.h>
#include <string.h>

#define N_SYMBOLS 97
#define N_NODES 22
#define LIBRARY TOP_BUILDDIR "/.libs/libspice-server.so.1"

static char *run(const char *const argv[])
{
    g_autoptr(GError) error = NULL;
    char *out = NULL;
    int status = 0;

    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, NULL, &status, &error);
    g_assert_no_error(error);
    g_assert_cmpint(status, ==, 0);
    return out;
}

static gint compare(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "name@NODE" of each function, and "NODE" of each version node, sorted. */
typedef struct Exports {
    GPtrArray *symbols, *nodes;
} Exports;

static Exports exports_new(void)
{
    return (Exports){g_ptr_array_new_with_free_func(g_free), g_ptr_array_new_with_free_func(g_free)};
}

static void exports_sort(Exports *e)
{
    g_ptr_array_sort(e->symbols, compare);
    g_ptr_array_sort(e->nodes, compare);
}

static void exports_free(Exports *e)
{
    g_ptr_array_unref(e->symbols);
    g_ptr_array_unref(e->nodes);
}

static Exports exports_of_library(const char *path)
{
    const char *argv[] = {"nm", "-D", "--defined-only", "--with-symbol-versions", path, NULL};
    g_autofree char *out = run(argv);
    g_auto(GStrv) lines = g_strsplit(out, "\n", -1);
    Exports e = exports_new();

    for (char **l = lines; *l; l++) {
        g_auto(GStrv) fields = g_strsplit_set(*l, " ", -1); /* address, kind, name@@NODE */
        char *at;

        if (g_strv_length(fields) < 3)
            continue;
        at = strstr(fields[2], "@@");
        if (fields[1][0] == 'A')
            g_ptr_array_add(e.nodes, g_strndup(fields[2], at ? (gsize)(at - fields[2]) : strlen(fields[2])));
        else if (at)
            g_ptr_array_add(e.symbols, g_strdup_printf("%.*s@%s", (int)(at - fields[2]), fields[2], at + 2));
        else
            g_ptr_array_add(e.symbols, g_strdup(fields[2])); /* no version: differs from all others */
    }
    exports_sort(&e);
    return e;
}

static Exports exports_of_script(const char *path)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    const char *node = NULL;
    Exports e = exports_new();

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    lines = g_strsplit(text, "\n", -1);
    for (char **l = lines; *l; l++) {
        char *line = g_strstrip(*l);
        char *end = strpbrk(line, " ;{");

        if (g_str_has_prefix(line, "SPICE_SERVER_")) {
            *end = 0;
            node = line;
            g_ptr_array_add(e.nodes, g_strdup(node));
        } else if (g_str_has_prefix(line, "spice_")) {
            *end = 0;
            g_ptr_array_add(e.symbols, g_strdup_printf("%s@%s", line, node));
        }
    }
    exports_sort(&e);
    return e;
}

static void assert_equal(const GPtrArray *a, const GPtrArray *b)
{
    for (guint i = 0; i < MIN(a->len, b->len); i++)
        g_assert_cmpstr(a->pdata[i], ==, b->pdata[i]);
    g_assert_cmpuint(a->len, ==, b->len);
}

static void test_symbols(void)
{
    Exports ours = exports_of_library(LIBRARY);
    Exports script = exports_of_script(TOP_SRCDIR "/server/api/spice-server.syms");

    assert_equal(ours.symbols, script.symbols);
    assert_equal(ours.nodes, script.nodes);
    g_assert_cmpuint(ours.symbols->len, ==, N_SYMBOLS);
    g_assert_cmpuint(ours.nodes->len, ==, N_NODES);
    exports_free(&ours);
    exports_free(&script);
}

static const char *find_stock(void)
{
    static const char *const places[] = {
        "/usr/lib/x86_64-linux-gnu/libspice-server.so.1",
        "/usr/lib/aarch64-linux-gnu/libspice-server.so.1",
        "/usr/lib64/libspice-server.so.1",
        "/usr/lib/libspice-server.so.1",
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(places); i++)
        if (g_file_test(places[i], G_FILE_TEST_EXISTS))
            return places[i];
    return NULL;
}

static char *soname_of(const char *path)
{
    const char *argv[] = {"readelf", "-d", "-W", path, NULL};
    g_autofree char *out = run(argv);
    const char *name = strstr(out, "soname: [");

    g_assert_nonnull(name);
    name += strlen("soname: [");
    return g_strndup(name, strcspn(name, "]"));
}

static void test_stock(void)
{
    const char *path = find_stock();
    g_autofree char *soname = NULL;
    Exports ours, stock;

    if (!path) {
        g_test_skip("the stock library is not installed");
        return;
    }
    ours = exports_of_library(LIBRARY);
    stock = exports_of_library(path);
    assert_equal(ours.symbols, stock.symbols);
    assert_equal(ours.nodes, stock.nodes);
    exports_free(&ours);
    exports_free(&stock);
    soname = soname_of(path);
    g_assert_cmpstr(soname, ==, "libspice-server.so.1");
}

static void test_soname(void)
{
    g_autofree char *soname = soname_of(LIBRARY);
    g_autofree char *target = g_file_read_link(LIBRARY, NULL);

    g_assert_cmpstr(soname, ==, "libspice-server.so.1");
    g_assert_cmpstr(target, ==, "libspice-server.so.1.14.2");
}

/* The headers that the library was built with are those whose ABI it claims. */
static void test_headers(void)
{
    g_assert_cmphex(SPICE_SERVER_VERSION, ==, 0x000f01);
    g_assert_cmpint(SPICE_INTERFACE_CORE_MAJOR * 100 + SPICE_INTERFACE_CORE_MINOR, ==, 103);
    g_assert_cmpint(SPICE_INTERFACE_QXL_MAJOR * 100 + SPICE_INTERFACE_QXL_MINOR, ==, 303);
    g_assert_cmpint(SPICE_INTERFACE_MIGRATION_MAJOR * 100 + SPICE_INTERFACE_MIGRATION_MINOR, ==, 101);
    g_assert_cmpint(SPICE_INTERFACE_KEYBOARD_MAJOR * 100 + SPICE_INTERFACE_KEYBOARD_MINOR, ==, 101);
    g_assert_cmpint(SPICE_INTERFACE_MOUSE_MAJOR * 100 + SPICE_INTERFACE_MOUSE_MINOR, ==, 101);
    g_assert_cmpint(SPICE_INTERFACE_TABLET_MAJOR * 100 + SPICE_INTERFACE_TABLET_MINOR, ==, 101);
    g_assert_cmpint(SPICE_INTERFACE_PLAYBACK_MAJOR * 100 + SPICE_INTERFACE_PLAYBACK_MINOR, ==, 103);
    g_assert_cmpint(SPICE_INTERFACE_RECORD_MAJOR * 100 + SPICE_INTERFACE_RECORD_MINOR, ==, 203);
    g_assert_cmpint(SPICE_INTERFACE_CHAR_DEVICE_MAJOR * 100 + SPICE_INTERFACE_CHAR_DEVICE_MINOR, ==, 103);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/exports/symbols", test_symbols);
    g_test_add_func("/exports/stock", test_stock);
    g_test_add_func("/exports/soname", test_soname);
    g_test_add_func("/exports/headers", test_headers);
    return g_test_run();
}
