/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Speed of the QUIC codec alone, in MB of raw pixels per second of CPU time, and what is left of them. */
#include "tests/unit/quic-images.h"

#include <stdio.h>
#include <time.h>

static const char *const type_names[] = {NULL, "gray", "rgb16", "rgb24", "rgb32", "rgba"};
static const char *const kinds[] = {"flat", "grad", "noise", "soft", "text", "mix", "stripe"};

static double cpu_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Enough rounds for half a second of encoding; the decoder gets as many. */
static void measure(QuicType type, const char *kind, unsigned w, unsigned h)
{
    g_autofree uint8_t *pixels = quic_image_new(type, kind, w, h, 1);
    double raw = (double)w * h * quic_image_pixel_bytes(type), start = cpu_seconds(), middle, end;
    g_auto(WireWriter) out = {0};
    unsigned rounds = 0;

    do {
        wire_writer_reset(&out);
        quic_encode(type, w, h, true, pixels, &out, SIZE_MAX);
        rounds++;
    } while ((middle = cpu_seconds()) - start < 0.5);
    for (unsigned i = 0; i < rounds; i++) {
        QuicInfo info;

        g_bytes_unref(quic_decode(out.data, out.size, &info, NULL));
    }
    end = cpu_seconds();
    printf("%-6s %-7s %5ux%-5u %9.1f %9.1f %8.2f\n", type_names[type], kind, w, h,
           raw * rounds / (middle - start) / 1e6, raw * rounds / (end - middle) / 1e6, 100.0 * (double)out.size / raw);
}

int main(int argc, char **argv)
{
    bool all = argc > 1 && strcmp(argv[1], "--all") == 0;

    printf("type   picture      size    encode    decode        %%\n");
    for (QuicType type = all ? QUIC_TYPE_GRAY : QUIC_TYPE_RGB32; type <= (all ? QUIC_TYPE_RGBA : QUIC_TYPE_RGB32);
         type++)
        for (unsigned k = 0; k < G_N_ELEMENTS(kinds); k++) {
            measure(type, kinds[k], 1280, 720);
            measure(type, kinds[k], 32, 16);
        }
    return 0;
}
