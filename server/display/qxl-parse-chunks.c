/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/display/qxl-parse-private.h"

#include <string.h>

/* As many links as a list of 2 GiB in chunks of 1 KiB has. */
#define MAX_LINKS (QXL_MAX_BYTES / 1024)

GuestReader guest_reader(const MemSlots *slots, uint32_t group)
{
    return (GuestReader){.slots = slots, .group = group, .budget = QXL_MAX_BYTES};
}

void guest_copy(void *out, const void *guest, size_t size)
{
    memcpy(out, guest, size);
    /* The compiler must not read the guest's memory again in place of the copy. */
    __asm__ volatile("" ::: "memory");
}

bool guest_charge(GuestReader *reader, uint64_t size, GError **error)
{
    if (size > reader->budget) {
        g_set_error(error, QXL_PARSE_ERROR, QXL_PARSE_ERROR_INVALID, "the command has too much data");
        return false;
    }
    reader->budget -= size;
    return true;
}

bool guest_read(GuestReader *reader, QXLPHYSICAL address, void *out, size_t size, GError **error)
{
    const void *guest;

    if (!guest_charge(reader, size, error))
        return false;
    guest = memslots_get(reader->slots, reader->group, address, size, error);
    if (!guest)
        return false;
    guest_copy(out, guest, size);
    return true;
}

bool guest_read_command(GuestReader *reader, const QXLCommandExt *command, void *out, size_t size,
                        QXLReleaseInfoExt *release, GError **error)
{
    void *guest;

    *release = (QXLReleaseInfoExt){.info = NULL, .group_id = command->group_id};
    guest = memslots_get(reader->slots, reader->group, command->cmd.data, size, error);
    if (!guest)
        return false;
    release->info = guest;
    guest_copy(out, guest, size);
    return guest_charge(reader, size, error);
}

bool guest_check_size(GuestReader *reader, QXLPHYSICAL address, uint64_t size, GError **error)
{
    uint64_t before, after;

    if (!memslots_get_room(reader->slots, reader->group, address, &before, &after, error))
        return false;
    if (size > QXL_MAX_BYTES || size > before + after) {
        g_set_error(error, QXL_PARSE_ERROR, QXL_PARSE_ERROR_INVALID,
                    "%" G_GUINT64_FORMAT " bytes of data are more than the memory slot has", size);
        return false;
    }
    return true;
}

bool chunk_walk_next(GuestReader *reader, ChunkWalk *walk, const uint8_t **data, uint32_t *size, GError **error)
{
    QXLDataChunk header;

    *data = NULL;
    *size = 0;
    while (walk->next) {
        QXLPHYSICAL address = walk->next;
        const void *guest = memslots_get(reader->slots, reader->group, address, sizeof(header), error);

        if (!guest)
            return false;
        if (++walk->links > MAX_LINKS) {
            g_set_error(error, QXL_PARSE_ERROR, QXL_PARSE_ERROR_INVALID, "endless list of chunks");
            return false;
        }
        guest_copy(&header, guest, sizeof(header));
        walk->next = header.next_chunk;
        if (header.data_size == 0)
            continue;
        walk->total += header.data_size;
        if (walk->total > QXL_MAX_BYTES) {
            g_set_error(error, QXL_PARSE_ERROR, QXL_PARSE_ERROR_INVALID, "too much data in chunks");
            return false;
        }
        *data =
            memslots_get_same(reader->slots, reader->group, address, address + sizeof(header), header.data_size, error);
        *size = header.data_size;
        return *data != NULL;
    }
    return true;
}

bool guest_read_chunks(GuestReader *reader, QXLPHYSICAL first, void *out, uint64_t size, GError **error)
{
    ChunkWalk walk = {.next = first};
    const uint8_t *data;
    uint8_t *to = out;
    uint32_t n;

    while (chunk_walk_next(reader, &walk, &data, &n, error)) {
        if (!data) {
            if (walk.total == size)
                return true;
            g_set_error(error, QXL_PARSE_ERROR, QXL_PARSE_ERROR_INVALID, "too little data in chunks");
            return false;
        }
        if (walk.total > size) {
            g_set_error(error, QXL_PARSE_ERROR, QXL_PARSE_ERROR_INVALID, "more data in chunks than expected");
            return false;
        }
        guest_copy(to, data, n);
        to += n;
    }
    return false;
}

GBytes *guest_read_chunks_limited(GuestReader *reader, QXLPHYSICAL first, uint32_t limit, GError **error)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    ChunkWalk walk = {.next = first};
    const uint8_t *data;
    uint32_t n;

    while (bytes->len < limit) {
        if (!chunk_walk_next(reader, &walk, &data, &n, error))
            return NULL;
        if (!data)
            break;
        n = MIN(n, limit - bytes->len);
        if (!guest_check_size(reader, first, (uint64_t)bytes->len + n, error) || !guest_charge(reader, n, error))
            return NULL;
        g_byte_array_append(bytes, data, n);
    }
    return g_byte_array_free_to_bytes(g_steal_pointer(&bytes));
}
