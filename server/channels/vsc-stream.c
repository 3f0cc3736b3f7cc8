/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/channels/vsc-stream.h"

#include <spice/enums.h>

void vsc_stream_init(VscStream *stream)
{
    *stream = (VscStream){.partial = g_byte_array_new()};
}

void vsc_stream_clear(VscStream *stream)
{
    g_byte_array_unref(stream->partial);
    *stream = (VscStream){0};
}

void vsc_stream_reset(VscStream *stream)
{
    g_byte_array_set_size(stream->partial, 0);
    stream->skip = 0;
}

GBytes *vsc_stream_next(VscStream *stream)
{
    GByteArray *partial = stream->partial;
    VscHeader header;
    GBytes *message;

    if (partial->len < VSC_HEADER_SIZE)
        return NULL;
    vsc_header_unpack(partial->data, &header);
    if (header.length > VSC_MESSAGE_MAX - VSC_HEADER_SIZE) {
        g_warning("smartcard: a message of %u bytes from the device is dropped", header.length);
        stream->skip = header.length - (partial->len - VSC_HEADER_SIZE);
        g_byte_array_set_size(partial, 0);
        return NULL;
    }
    if (partial->len < VSC_HEADER_SIZE + header.length)
        return NULL;
    message = g_bytes_new(partial->data, VSC_HEADER_SIZE + header.length);
    g_byte_array_set_size(partial, 0);
    return message;
}

size_t vsc_stream_wanted(const VscStream *stream)
{
    VscHeader header;

    if (stream->skip)
        return stream->skip;
    if (stream->partial->len < VSC_HEADER_SIZE)
        return VSC_HEADER_SIZE - stream->partial->len;
    vsc_header_unpack(stream->partial->data, &header);
    return VSC_HEADER_SIZE + (size_t)header.length - stream->partial->len;
}

void vsc_stream_add(VscStream *stream, const uint8_t *bytes, size_t size)
{
    if (stream->skip)
        stream->skip -= (uint32_t)size;
    else
        g_byte_array_append(stream->partial, bytes, (guint)size);
}

void vsc_stream_save(const VscStream *stream, GByteArray *out)
{
    g_byte_array_set_size(out, 0);
    if (stream->skip) {
        /* Every server reads an Init message to its end and drops it. */
        const VscHeader rest = {SPICE_VSC_MESSAGE_TYPE_Init, VSC_UNDEFINED_READER, stream->skip};
        uint8_t header[VSC_HEADER_SIZE];

        vsc_header_pack(header, &rest);
        g_byte_array_append(out, header, VSC_HEADER_SIZE);
        return;
    }
    g_byte_array_append(out, stream->partial->data, stream->partial->len);
}

void vsc_stream_load(VscStream *stream, const GByteArray *bytes)
{
    vsc_stream_reset(stream);
    g_byte_array_append(stream->partial, bytes->data, bytes->len);
}
