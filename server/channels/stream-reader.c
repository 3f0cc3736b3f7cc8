/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/channels/stream-reader.h"

#include "common/wire/reader.h"

#include <spice/stream-device.h>
#include <string.h>

#define PORTION 16384u
#define CURSOR_HEADER 12u
#define CURSOR_MAX (CURSOR_HEADER + (4 * 1024 + 128) * 1024)
#define INFO_HEADER 12u

/* What a message may be long. Types that only the server sends, and unknown ones, are not listed. */
static const struct {
    uint16_t type;
    uint32_t min, max;
} sizes[] = {
    {STREAM_TYPE_CAPABILITIES, 0, STREAM_MSG_CAPABILITIES_MAX_BYTES},
    {STREAM_TYPE_FORMAT, 12, 12},
    {STREAM_TYPE_DATA, 0, STREAM_DATA_MAX},
    {STREAM_TYPE_CURSOR_SET, CURSOR_HEADER, CURSOR_MAX},
    {STREAM_TYPE_CURSOR_MOVE, 8, 8},
    {STREAM_TYPE_DEVICE_DISPLAY_INFO, INFO_HEADER, INFO_HEADER + STREAM_ADDRESS_MAX},
};

void stream_reader_init(StreamReader *reader)
{
    *reader = (StreamReader){.body = g_byte_array_new()};
}

static void forget_message(StreamReader *reader)
{
    g_clear_pointer(&reader->data, g_bytes_unref);
    g_clear_pointer(&reader->shape, cursor_shape_unref);
}

void stream_reader_clear(StreamReader *reader)
{
    forget_message(reader);
    g_clear_pointer(&reader->body, g_byte_array_unref);
}

void stream_reader_reset(StreamReader *reader)
{
    forget_message(reader);
    g_byte_array_unref(reader->body); /* a large one is not kept */
    reader->body = g_byte_array_new();
    reader->header_size = 0;
    reader->error = NULL;
    reader->resets++;
}

static bool check_header(StreamReader *reader)
{
    WireReader r = wire_reader(reader->header, sizeof(reader->header));

    wire_read_u8(&r); /* the version; there is one so far, and other servers do not look at it */
    wire_read_u8(&r);
    reader->type = wire_read_u16(&r);
    reader->size = wire_read_u32(&r);
    for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++)
        if (sizes[i].type == reader->type) {
            if (reader->size < sizes[i].min || reader->size > sizes[i].max)
                reader->error = "Wrong size of message";
            return !reader->error;
        }
    reader->error = "Unknown message";
    return false;
}

static bool parse_format(StreamReader *reader, WireReader *r)
{
    reader->width = wire_read_u32(r);
    reader->height = wire_read_u32(r);
    reader->codec = wire_read_u8(r);
    if (reader->width == 0 || reader->height == 0 || reader->width > STREAM_SIDE_MAX ||
        reader->height > STREAM_SIDE_MAX || reader->width * reader->height > STREAM_PIXELS_MAX)
        reader->error = "Wrong size of stream";
    else if (reader->codec < SPICE_VIDEO_CODEC_TYPE_MJPEG || reader->codec >= SPICE_VIDEO_CODEC_TYPE_ENUM_END)
        reader->error = "Unknown codec";
    return !reader->error;
}

/* Colours, then in two of the kinds a mask of one bit each. 0: not a kind for streams. */
static unsigned cursor_bits(uint8_t type)
{
    switch (type) {
    case SPICE_CURSOR_TYPE_ALPHA:
        return 32;
    case SPICE_CURSOR_TYPE_COLOR24:
        return 25;
    case SPICE_CURSOR_TYPE_COLOR32:
        return 33;
    default:
        return 0;
    }
}

static bool parse_cursor(StreamReader *reader, WireReader *r)
{
    uint16_t width = wire_read_u16(r), height = wire_read_u16(r);
    uint16_t hot_x = wire_read_u16(r), hot_y = wire_read_u16(r);
    uint8_t type = wire_read_u8(r);
    size_t bytes = ((size_t)width * height * cursor_bits(type) + 7) / 8;

    if (width > STREAM_MSG_CURSOR_SET_MAX_WIDTH || height > STREAM_MSG_CURSOR_SET_MAX_HEIGHT || !cursor_bits(type) ||
        bytes > reader->size - CURSOR_HEADER) {
        reader->error = "Wrong cursor";
        return false;
    }
    if (bytes == 0)
        return true;
    reader->shape = g_new0(CursorShape, 1);
    g_atomic_ref_count_init(&reader->shape->refs);
    reader->shape->type = type;
    reader->shape->width = width;
    reader->shape->height = height;
    reader->shape->hot_x = MIN(hot_x, width - 1);
    reader->shape->hot_y = MIN(hot_y, height - 1);
    reader->shape->data = g_bytes_new(reader->body->data + CURSOR_HEADER, bytes);
    return true;
}

/* An address that is not all there makes the message say nothing; a long one is cut. */
static void parse_display_info(StreamReader *reader, WireReader *r)
{
    uint32_t size;

    reader->stream_id = wire_read_u32(r);
    reader->display_id = wire_read_u32(r);
    size = wire_read_u32(r);
    reader->address[0] = '\0';
    if (size > 0 && size <= reader->size - INFO_HEADER) {
        size = MIN(size, STREAM_ADDRESS_MAX - 1);
        memcpy(reader->address, reader->body->data + INFO_HEADER, size);
        reader->address[size] = '\0';
    }
}

static bool parse_body(StreamReader *reader)
{
    WireReader r = wire_reader(reader->body->data, reader->body->len);

    switch (reader->type) {
    case STREAM_TYPE_FORMAT:
        return parse_format(reader, &r);
    case STREAM_TYPE_DATA:
        reader->data = g_byte_array_free_to_bytes(reader->body);
        reader->body = g_byte_array_new();
        return true;
    case STREAM_TYPE_CURSOR_SET:
        return parse_cursor(reader, &r);
    case STREAM_TYPE_CURSOR_MOVE:
        reader->x = wire_read_i32(&r);
        reader->y = wire_read_i32(&r);
        return true;
    case STREAM_TYPE_DEVICE_DISPLAY_INFO:
        parse_display_info(reader, &r);
        return true;
    default:
        return true;
    }
}

/* The host may reset the reader from inside of `read`: then what was read belongs to nothing. 0 also in that case. */
static size_t read_portion(StreamReader *reader, StreamReadFunc read, void *opaque, void *buf, size_t size)
{
    unsigned resets = reader->resets;
    size_t n = read(opaque, buf, size);

    return reader->resets == resets ? n : 0;
}

static bool read_header(StreamReader *reader, StreamReadFunc read, void *opaque)
{
    while (reader->header_size < sizeof(reader->header)) {
        size_t n = read_portion(reader, read, opaque, reader->header + reader->header_size,
                                sizeof(reader->header) - reader->header_size);

        if (n == 0)
            return false;
        reader->header_size += (unsigned)n;
    }
    return true;
}

static bool read_body(StreamReader *reader, StreamReadFunc read, void *opaque)
{
    uint8_t buf[PORTION];

    while (reader->body->len < reader->size) {
        size_t n = read_portion(reader, read, opaque, buf, MIN(reader->size - reader->body->len, PORTION));

        if (n == 0)
            return false;
        g_byte_array_append(reader->body, buf, (guint)n);
    }
    return true;
}

StreamReadResult stream_reader_read(StreamReader *reader, StreamReadFunc read, void *opaque, uint32_t now)
{
    bool was_complete = reader->header_size == sizeof(reader->header);
    bool good;

    forget_message(reader);
    if (!read_header(reader, read, opaque))
        return STREAM_READ_NOTHING;
    if (!was_complete) {
        if (!check_header(reader))
            return STREAM_READ_BROKEN;
        reader->mm_time = now;
    }
    if (!read_body(reader, read, opaque))
        return STREAM_READ_NOTHING;
    good = parse_body(reader);
    g_byte_array_set_size(reader->body, 0);
    reader->header_size = 0;
    return good ? STREAM_READ_MESSAGE : STREAM_READ_BROKEN;
}
