/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* caravan-inspect: the body of a MIGRATE_DATA message as JSON. */
#include "server/migration/format-json.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_GOOD, EXIT_BAD_DATA, EXIT_USAGE };

static gboolean no_entries;
static char *hex;
static char **files;

static const GOptionEntry options[] = {
    {"no-entries", 'n', 0, G_OPTION_ARG_NONE, &no_entries, "Do not list the entries of the image cache", NULL},
    {"hex", 'x', 0, G_OPTION_ARG_STRING, &hex, "Take the data from the command line: hex digits, spaces do not matter",
     "HEX"},
    {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &files, NULL, "FILE|-"},
    {NULL},
};

static const char summary[] = "Shows what a SPICE server hands over in a live migration: prints the body of a\n"
                              "MIGRATE_DATA message (without the message header), of any channel, as JSON. Data\n"
                              "of other SPICE servers (version 1) and the extension behind them are understood.";

static const char description[] = "Exit status: 0 if a destination would take the data, 1 if not (\"errors\" says\n"
                                  "why), 2 if the command line is wrong or the file cannot be read. Sections of the\n"
                                  "extension that a destination would refuse have \"accepted\": false and a reason.\n\n"
                                  "Example: caravan-inspect --hex \"49434d44 01000000 0300\"";

static bool from_hex(const char *text, GByteArray *out)
{
    int high = -1;

    for (; *text; text++) {
        int digit = g_ascii_xdigit_value(*text);

        if (g_ascii_isspace(*text))
            continue;
        if (digit < 0)
            return false;
        if (high < 0) {
            high = digit;
        } else {
            guint8 byte = (guint8)(high << 4 | digit);

            g_byte_array_append(out, &byte, 1);
            high = -1;
        }
    }
    return high < 0;
}

/* One byte more than a destination would take is enough to refuse it. */
static bool from_stream(FILE *f, GByteArray *out)
{
    guint8 chunk[65536];
    size_t n;

    while (out->len <= MIGRATION_MAX_SIZE && (n = fread(chunk, 1, sizeof(chunk), f)) > 0)
        g_byte_array_append(out, chunk, (unsigned)n);
    return !ferror(f);
}

static bool from_file(const char *name, GByteArray *out)
{
    FILE *f = strcmp(name, "-") == 0 ? stdin : fopen(name, "rb");
    bool ok = f && from_stream(f, out);

    if (!ok)
        perror(name);
    if (f && f != stdin)
        fclose(f);
    return ok;
}

static bool read_data(GByteArray *out)
{
    if (!hex == !files || (files && files[1])) {
        fprintf(stderr, "caravan-inspect: needs one FILE, or - for standard input, or --hex; see --help\n");
        return false;
    }
    if (!hex)
        return from_file(files[0], out);
    if (from_hex(hex, out))
        return true;
    fprintf(stderr, "caravan-inspect: --hex needs pairs of hex digits\n");
    return false;
}

int main(int argc, char **argv)
{
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GByteArray) data = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    int status = EXIT_USAGE;
    bool ok;

    g_option_context_add_main_entries(context, options, NULL);
    g_option_context_set_summary(context, summary);
    g_option_context_set_description(context, description);
    if (!g_option_context_parse(context, &argc, &argv, &error)) {
        fprintf(stderr, "caravan-inspect: %s; see --help\n", error->message);
    } else if (read_data(data)) {
        g_autofree char *json = migration_data_describe(data->data, data->len, no_entries ? 0 : JSON_MAX_ENTRIES, &ok);

        puts(json);
        status = ok ? EXIT_GOOD : EXIT_BAD_DATA;
    }
    g_free(hex);
    g_strfreev(files);
    return status;
}
