/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Checks that every encoder and decoder must pass. For the unit tests of common/wire.
 *
 * A WireProbe decodes a body and, if that worked, encodes what it found. It must set an error when it gives false.
 */
#pragma once

#include "common/wire/reader.h"
#include "common/wire/writer.h"

#include <stdlib.h>
#include <string.h>

typedef bool (*WireProbe)(const uint8_t *body, size_t size, WireWriter *again, GError **error);

/* Bytes of a hex dump; everything that is not a hex digit is skipped. Text between quotes is taken as it is. */
static inline GByteArray *wire_hex(const char *text)
{
    GByteArray *bytes = g_byte_array_new();
    int high = -1;

    for (; *text; text++) {
        if (*text == '"') {
            const char *end = strchr(text + 1, '"');

            g_byte_array_append(bytes, (const guint8 *)text + 1, (guint)(end - text - 1));
            text = end;
        } else if (g_ascii_isxdigit(*text)) {
            int digit = g_ascii_xdigit_value(*text);

            if (high >= 0)
                g_byte_array_append(bytes, &(guint8){(guint8)(high << 4 | digit)}, 1);
            high = high >= 0 ? -1 : digit;
        }
    }
    g_assert_cmpint(high, ==, -1);
    return bytes;
}

static inline void wire_assert_hex(const void *data, size_t size, const char *text)
{
    g_autoptr(GByteArray) want = wire_hex(text);

    g_assert_cmpmem(data, size, want->data, want->len);
}

/* Runs the probe on a heap copy of exactly `size` bytes, so that a read outside is seen by the sanitizer. */
static inline bool wire_probe_copy(WireProbe probe, const uint8_t *body, size_t size, WireWriter *again)
{
    uint8_t *copy = malloc(size); /* NOLINT(clang-analyzer-optin.portability.UnixAPI): 0 is a size as well */
    g_autoptr(GError) error = NULL;
    bool ok;

    if (size)
        memcpy(copy, body, size);
    wire_writer_reset(again);
    ok = probe(copy, size, again, &error);
    g_assert_true(ok == (error == NULL));
    if (error)
        g_assert_true(error->domain == WIRE_ERROR);
    free(copy);
    return ok;
}

/* How a body may be cut and still be legal. */
typedef enum WireCut {
    WIRE_CUT_NEVER, /* fixed or counted: every shorter body is refused */
    WIRE_CUT_TAIL,  /* ends with bytes "to the end", or with bytes that are not read */
} WireCut;

/* Round trip; every truncation; bytes appended; damaged bodies. */
static inline void wire_check_body(WireProbe probe, const uint8_t *body, size_t size, WireCut cut)
{
    g_auto(WireWriter) again = {0};
    g_autofree uint8_t *work = g_malloc(size + 8);
    g_autoptr(GRand) rand = g_rand_new_with_seed((guint32)size);

    g_assert_true(wire_probe_copy(probe, body, size, &again));
    g_assert_cmpmem(again.data, again.size, body, size);
    for (size_t n = 0; n < size; n++) {
        bool ok = wire_probe_copy(probe, body, n, &again);

        g_assert_true(!ok || cut == WIRE_CUT_TAIL);
    }
    memcpy(work, body, size);
    memset(work + size, 0xa5, 8);
    g_assert_true(wire_probe_copy(probe, work, size + 8, &again));
    if (cut == WIRE_CUT_NEVER)
        g_assert_cmpmem(again.data, again.size, body, size);
    for (unsigned round = 0; size && round < 2000; round++) {
        static const uint8_t nasty[] = {0, 1, 0x7f, 0x80, 0xff};
        unsigned hits = (unsigned)g_rand_int_range(rand, 1, 5);

        memcpy(work, body, size);
        while (hits--) {
            uint8_t v = g_rand_boolean(rand) ? nasty[g_rand_int_range(rand, 0, G_N_ELEMENTS(nasty))]
                                             : (uint8_t)g_rand_int(rand);
            work[g_rand_int_range(rand, 0, (gint32)MIN(size, 200))] = v;
        }
        wire_probe_copy(probe, work, size, &again);
    }
}

static inline void wire_check(WireProbe probe, const char *text, WireCut cut)
{
    g_autoptr(GByteArray) body = wire_hex(text);

    wire_check_body(probe, body->data, body->len, cut);
}

/* The probe of a message: WIRE_PROBE(MsgSetAck, msg_set_ack) makes probe_msg_set_ack(). */
#define WIRE_PROBE(Type, name) WIRE_PROBE_WITH(Type, name, (void)0)
#define WIRE_PROBE_CLEAR(Type, name) WIRE_PROBE_WITH(Type, name, name##_clear(&m))
#define WIRE_PROBE_WITH(Type, name, CLEAR)                                                                             \
    static bool probe_##name(const uint8_t *body, size_t size, WireWriter *again, GError **error)                      \
    {                                                                                                                  \
        WireReader r = wire_reader(body, size);                                                                        \
        Type m;                                                                                                        \
                                                                                                                       \
        if (!name##_decode(&r, &m, error))                                                                             \
            return false;                                                                                              \
        name##_encode(again, &m);                                                                                      \
        CLEAR;                                                                                                         \
        return true;                                                                                                   \
    }

/* Encodes a struct given by its members and compares, then checks the decoder with the same bytes. */
#define WIRE_CASE(Type, name, cut, text, ...)                                                                          \
    do {                                                                                                               \
        g_auto(WireWriter) w_ = {0};                                                                                   \
        const Type m_ = {__VA_ARGS__};                                                                                 \
                                                                                                                       \
        name##_encode(&w_, &m_);                                                                                       \
        wire_assert_hex(w_.data, w_.size, text);                                                                       \
        wire_check(probe_##name, text, cut);                                                                           \
    } while (0)
