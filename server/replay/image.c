/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/replay/command.h"

#define IMAGE_TYPE_BITMAP 0
#define IMAGE_TYPE_QUIC 1
#define IMAGE_TYPE_SURFACE 104

/* Where the chunk header of a QUIC image stands in it. */
#define QUIC_CHUNK (sizeof(QXLImageDescriptor) + sizeof(QXLQUICData))

static QXLPHYSICAL read_palette(ReplayBuilder *b)
{
    uint16_t count = (uint16_t)replay_text_field(b->text, "qp.num_ents");
    QXLPalette *palette = replay_build_zeroed(b, sizeof(*palette) + count * sizeof(palette->ents[0]));

    palette->num_ents = count;
    palette->unique = replay_text_field64(b->text, "unique");
    for (unsigned i = 0; i < count && !b->text->failed; i++) {
        palette->ents[i] = replay_text_field(b->text, "ents");
    }
    return (uintptr_t)palette;
}

/* False if there is no way to use the image: the recording may come from a guest that was wrong. */
static bool read_bitmap(ReplayBuilder *b, QXLBitmap *bitmap)
{
    uint64_t size, total = 0;

    bitmap->format = (uint8_t)replay_text_field(b->text, "bitmap.format");
    bitmap->flags = (uint8_t)replay_text_field(b->text, "bitmap.flags");
    bitmap->x = replay_text_field(b->text, "bitmap.x");
    bitmap->y = replay_text_field(b->text, "bitmap.y");
    bitmap->stride = replay_text_field(b->text, "bitmap.stride");
    if (replay_text_flag(b->text, "has_palette")) {
        bitmap->palette = read_palette(b);
    }
    size = (uint64_t)bitmap->y * bitmap->stride;
    if (bitmap->flags & QXL_BITMAP_DIRECT) {
        /* The server takes the size of flat memory from the bitmap, so it has to be true. Larger than any blob: that
         * fails as well. */
        ReplayBlobShape shape = {.size = (int64_t)MIN(size, (uint64_t)REPLAY_BLOB_MAX + 1)};

        bitmap->data = (uintptr_t)replay_build_blob(b, "image_data_flat", shape, NULL);
        return true;
    }
    bitmap->data = (uintptr_t)replay_build_chunks(b, "bitmap.data", 0, &total);
    if (!b->text->failed && total != size) {
        g_warning("replay: an image of %" G_GUINT64_FORMAT " bytes has %" G_GUINT64_FORMAT ": left out", size, total);
        return false;
    }
    return true;
}

/* The only image whose data are inline: its memory is made with the first chunk. */
static QXLImage *read_quic(ReplayBuilder *b)
{
    uint32_t data_size = replay_text_field(b->text, "quic.data_size");
    uint8_t *memory = replay_build_chunks(b, "quic.data", QUIC_CHUNK, NULL);
    QXLQUICData *quic;

    if (!memory) {
        return NULL;
    }
    quic = (QXLQUICData *)(memory + sizeof(QXLImageDescriptor));
    quic->data_size = data_size;
    return (QXLImage *)memory;
}

QXLPHYSICAL replay_build_image(ReplayBuilder *b)
{
    QXLImageDescriptor descriptor;
    QXLImage *image;

    if (!replay_text_flag(b->text, "image")) {
        return 0;
    }
    descriptor.id = replay_text_field64(b->text, "descriptor.id");
    descriptor.type = (uint8_t)replay_text_field(b->text, "descriptor.type");
    descriptor.flags = (uint8_t)replay_text_field(b->text, "descriptor.flags");
    descriptor.width = replay_text_field(b->text, "descriptor.width");
    descriptor.height = replay_text_field(b->text, "descriptor.height");
    if (b->text->failed) {
        return 0;
    }
    if (descriptor.type == IMAGE_TYPE_QUIC) {
        image = read_quic(b);
    } else {
        image = replay_build_zeroed(b, sizeof(*image));
    }
    if (!image) {
        return 0;
    }
    image->descriptor = descriptor;
    if (descriptor.type == IMAGE_TYPE_BITMAP) {
        return read_bitmap(b, &image->bitmap) ? (uintptr_t)image : 0;
    }
    if (descriptor.type == IMAGE_TYPE_SURFACE) {
        image->surface_image.surface_id =
            surface_ids_get(b->ids, replay_text_field(b->text, "surface_image.surface_id"));
    } /* other types are recorded without a body; the server will refuse them */
    return (uintptr_t)image;
}
