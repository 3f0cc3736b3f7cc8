/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A QUIC stream as a guest may submit it. What it decodes to is encoded and decoded once more. */
#include "common/image/quic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Larger pictures show nothing new. */
#define MAX_PIXELS (1u << 18)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) pixels = NULL, again = NULL;
    g_auto(WireWriter) stream = {0};
    QuicInfo info, other;

    if (!quic_read_header(data, size, &info, NULL) || (uint64_t)info.width * info.height > MAX_PIXELS)
        return 0;
    pixels = quic_decode(data, size, &info, NULL);
    if (!pixels)
        return 0;
    g_assert_cmpuint(
        quic_encode(info.type, info.width, info.height, true, g_bytes_get_data(pixels, NULL), &stream, SIZE_MAX), >, 0);
    again = quic_decode(stream.data, stream.size, &other, NULL);
    g_assert_true(again && g_bytes_equal(pixels, again));
    return 0;
}
