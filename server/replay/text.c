/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/replay/text.h"

#include "server/replay/blob.h"

#include <stdarg.h>

G_DEFINE_QUARK(replay - error - quark, replay_error)

void replay_text_fail(ReplayText *t, ReplayError code, const char *format, ...)
{
    va_list args;

    if (t->failed) {
        return;
    }
    t->failed = true;
    va_start(args, format);
    t->error = g_error_new_valist(REPLAY_ERROR, code, format, args);
    va_end(args);
}

static bool is_space(int c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static int next(ReplayText *t)
{
    if (t->has_back) {
        t->has_back = false;
        return t->back;
    }
    return getc_unlocked(t->file);
}

/* What next() gives next. ungetc() does more than is needed here. */
static void put_back(ReplayText *t, int c)
{
    t->back = c;
    t->has_back = true;
}

static int next_after_space(ReplayText *t)
{
    int c;

    do {
        c = next(t);
    } while (is_space(c));
    return c;
}

bool replay_text_ended(ReplayText *t)
{
    int c;

    if (t->failed) {
        return true;
    }
    c = next_after_space(t);
    if (c == EOF) {
        return true;
    }
    put_back(t, c);
    return false;
}

static void fail_at(ReplayText *t, int c, const char *wanted)
{
    if (c == EOF) {
        replay_text_fail(t, REPLAY_ERROR_END, "the recording ends before '%s'", wanted);
    } else {
        replay_text_fail(t, REPLAY_ERROR_SYNTAX, "byte 0x%02x where '%s' should be", c, wanted);
    }
}

void replay_text_words(ReplayText *t, const char *words)
{
    int c;

    if (t->failed) {
        return;
    }
    c = next_after_space(t);
    for (const char *p = words; *p; p++) {
        if (*p == ' ') {
            if (!is_space(c)) {
                fail_at(t, c, words);
                return;
            }
            c = next_after_space(t);
            continue;
        }
        if (c != *p) {
            fail_at(t, c, words);
            return;
        }
        if (p[1]) {
            c = next(t);
        }
    }
}

/* Exactly this character, nothing skipped. */
static void read_colon(ReplayText *t)
{
    int c;

    if (t->failed) {
        return;
    }
    c = next(t);
    if (c != ':') {
        fail_at(t, c, ":");
    }
}

/* The magnitude of a number, and whether it has a minus sign. The character after it is left in the stream; there has
 * to be one, otherwise the number may have been cut. */
static uint64_t read_number(ReplayText *t, bool *negative)
{
    uint64_t value = 0;
    int c, digits = 0;

    *negative = false;
    if (t->failed) {
        return 0;
    }
    c = next_after_space(t);
    if (c == '-' || c == '+') {
        *negative = c == '-';
        c = next(t);
    }
    for (; c >= '0' && c <= '9'; c = next(t), digits++) {
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, (uint64_t)(c - '0'), &value)) {
            replay_text_fail(t, REPLAY_ERROR_VALUE, "a number of more than 64 bits");
            return 0;
        }
    }
    if (digits == 0 || c == EOF) {
        fail_at(t, c, digits == 0 ? "a number" : "the end of a number");
        return 0;
    }
    put_back(t, c);
    return value;
}

uint32_t replay_text_u32(ReplayText *t)
{
    bool negative;
    uint64_t value = read_number(t, &negative);

    if (value > (negative ? UINT64_C(0x80000000) : G_MAXUINT32)) {
        replay_text_fail(t, REPLAY_ERROR_VALUE, "a number of more than 32 bits");
        return 0;
    }
    return negative ? 0u - (uint32_t)value : (uint32_t)value;
}

uint64_t replay_text_u64(ReplayText *t)
{
    bool negative;
    uint64_t value = read_number(t, &negative);

    return negative ? UINT64_C(0) - value : value;
}

uint32_t replay_text_field(ReplayText *t, const char *name)
{
    replay_text_words(t, name);
    return replay_text_u32(t);
}

uint64_t replay_text_field64(ReplayText *t, const char *name)
{
    replay_text_words(t, name);
    return replay_text_u64(t);
}

bool replay_text_flag(ReplayText *t, const char *name)
{
    return replay_text_field(t, name) != 0;
}

void replay_text_rect(ReplayText *t, const char *name, QXLRect *rect)
{
    replay_text_words(t, "rect");
    replay_text_words(t, name);
    rect->top = (int32_t)replay_text_u32(t);
    rect->left = (int32_t)replay_text_u32(t);
    rect->bottom = (int32_t)replay_text_u32(t);
    rect->right = (int32_t)replay_text_u32(t);
}

void replay_text_point(ReplayText *t, QXLPoint *point)
{
    point->x = (int32_t)replay_text_field(t, "point");
    point->y = (int32_t)replay_text_u32(t);
}

void replay_text_point16(ReplayText *t, QXLPoint16 *point)
{
    point->x = (int16_t)replay_text_field(t, "point16");
    point->y = (int16_t)replay_text_u32(t);
}

static void read_blob_header(ReplayText *t, const char *name, bool *compressed, uint64_t *size)
{
    *compressed = replay_text_flag(t, "binary");
    replay_text_words(t, name);
    *size = replay_text_u64(t);
    read_colon(t);
}

ReplayBlock *replay_text_blob(ReplayText *t, const char *name, ReplayBlobShape shape, uint32_t *size)
{
    uint64_t plain, packed = 0;
    bool compressed;
    ReplayBlock *block;

    *size = 0;
    read_blob_header(t, name, &compressed, &plain);
    if (compressed) {
        packed = replay_text_u64(t);
        read_colon(t);
    }
    if (!t->failed && (plain > REPLAY_BLOB_MAX || packed > REPLAY_BLOB_MAX)) {
        replay_text_fail(t, REPLAY_ERROR_VALUE, "the blob '%s' is larger than 2 GiB", name);
    }
    if (!t->failed && shape.size >= 0 && plain != (uint64_t)shape.size) {
        replay_text_fail(t, REPLAY_ERROR_VALUE,
                         "the blob '%s' has %" G_GUINT64_FORMAT " bytes instead of %" G_GINT64_FORMAT, name, plain,
                         shape.size);
    }
    if (t->failed) {
        return NULL;
    }
    block = compressed ? replay_blob_inflate(t, shape, plain, packed) : replay_blob_copy(t, shape, plain);
    if (block) {
        *size = (uint32_t)plain;
    }
    return block;
}
