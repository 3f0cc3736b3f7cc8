/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The commands that do not draw. */
#include "server/display/qxl-parse-private.h"

#include <string.h>

#define MAX_MESSAGE 100000
#define MAX_MONITORS 256

G_DEFINE_QUARK(spice - qxl - parse - error, qxl_parse_error)

static unsigned format_bits(uint32_t format)
{
    switch (format) {
    case SPICE_SURFACE_FMT_1_A:
        return 1;
    case SPICE_SURFACE_FMT_8_A:
        return 8;
    case SPICE_SURFACE_FMT_16_555:
    case SPICE_SURFACE_FMT_16_565:
        return 16;
    case SPICE_SURFACE_FMT_32_xRGB:
    case SPICE_SURFACE_FMT_32_ARGB:
        return 32;
    default:
        return 0;
    }
}

/* Bytes of one row in memory, whatever the direction. Not for INT32_MIN. */
static uint64_t stride_bytes(int32_t stride)
{
    return (uint64_t)ABS((int64_t)stride);
}

bool qxl_check_surface(uint32_t format, uint32_t width, uint32_t height, int32_t stride, GError **error)
{
    unsigned bits = format_bits(format);

    if (!bits) {
        g_set_error(error, QXL_PARSE_ERROR, QXL_PARSE_ERROR_INVALID, "unknown surface format %u", format);
        return false;
    }
    if (width == 0 || height == 0 || width > G_MAXINT32 || height > G_MAXINT32) {
        g_set_error(error, QXL_PARSE_ERROR, QXL_PARSE_ERROR_INVALID, "a surface of %u x %u pixels", width, height);
        return false;
    }
    if (stride == G_MININT32 || stride_bytes(stride) < ((uint64_t)width * bits + 7) / 8) {
        g_set_error(error, QXL_PARSE_ERROR, QXL_PARSE_ERROR_INVALID, "surface stride %d does not fit %u pixels", stride,
                    width);
        return false;
    }
    if (stride_bytes(stride) * height > QXL_MAX_BYTES) {
        g_set_error(error, QXL_PARSE_ERROR, QXL_PARSE_ERROR_INVALID, "a surface of %u rows of %d bytes is too large",
                    height, stride);
        return false;
    }
    return true;
}

bool qxl_parse_surface(const MemSlots *slots, const QXLCommandExt *command, SurfaceCommand *out,
                       QXLReleaseInfoExt *release, GError **error)
{
    GuestReader reader = guest_reader(slots, command->group_id);
    QXLSurfaceCmd guest;
    QXLSurface create;

    *out = (SurfaceCommand){0};
    if (!guest_read_command(&reader, command, &guest, sizeof(guest), release, error))
        return false;
    out->surface_id = guest.surface_id;
    out->type = guest.type;
    if (guest.type == QXL_SURFACE_CMD_DESTROY)
        return true;
    if (guest.type != QXL_SURFACE_CMD_CREATE) {
        g_set_error(error, QXL_PARSE_ERROR, QXL_PARSE_ERROR_INVALID, "unknown surface command %u", guest.type);
        return false;
    }
    create = guest.u.surface_create;
    if (!qxl_check_surface(create.format, create.width, create.height, create.stride, error))
        return false;
    out->memory =
        memslots_get(slots, command->group_id, create.data, stride_bytes(create.stride) * create.height, error);
    if (!out->memory)
        return false;
    out->keep_data = guest.flags & QXL_SURF_FLAG_KEEP_DATA;
    out->format = create.format;
    out->width = create.width;
    out->height = create.height;
    out->stride = create.stride;
    return true;
}

bool qxl_parse_update(const MemSlots *slots, const QXLCommandExt *command, UpdateCommand *out,
                      QXLReleaseInfoExt *release, GError **error)
{
    bool compat = command->flags & QXL_COMMAND_FLAG_COMPAT;
    GuestReader reader = guest_reader(slots, command->group_id);
    QXLUpdateCmd guest = {.surface_id = 0};

    /* The compat form is the same without the surface, which is the primary one. */
    if (!guest_read_command(&reader, command, &guest, compat ? sizeof(QXLCompatUpdateCmd) : sizeof(guest), release,
                            error)) {
        *out = (UpdateCommand){.area = {0}};
        return false;
    }
    *out = (UpdateCommand){
        .area = {guest.area.left, guest.area.top, guest.area.right, guest.area.bottom},
        .update_id = guest.update_id,
        .surface_id = guest.surface_id,
    };
    return true;
}

bool qxl_parse_message(const MemSlots *slots, const QXLCommandExt *command, QXLReleaseInfoExt *release, GError **error)
{
    GuestReader reader = guest_reader(slots, command->group_id);
    QXLPHYSICAL address = command->cmd.data + sizeof(QXLMessage);
    g_autofree char *text = NULL, *printable = NULL;
    const void *guest_text;
    uint64_t before, after;
    QXLMessage guest;

    if (!guest_read_command(&reader, command, &guest, sizeof(guest), release, error) ||
        !memslots_get_room(slots, command->group_id, address, &before, &after, error))
        return false;
    after = MIN(after, MAX_MESSAGE);
    guest_text = memslots_get_same(slots, command->group_id, command->cmd.data, address, after, error);
    if (!guest_text)
        return false;
    text = g_malloc(after);
    guest_copy(text, guest_text, after);
    if (!memchr(text, 0, after)) {
        g_set_error(error, QXL_PARSE_ERROR, QXL_PARSE_ERROR_INVALID, "a message without end");
        return false;
    }
    printable = g_strescape(text, NULL);
    g_debug("message from the guest: %s", printable);
    return true;
}

MonitorsConfig *qxl_parse_monitors(const MemSlots *slots, uint32_t group, QXLPHYSICAL address, uint16_t max_allowed,
                                   GError **error)
{
    GuestReader reader = guest_reader(slots, group);
    QXLMonitorsConfig guest;
    MonitorsConfig *config;
    const void *heads;
    size_t size;

    if (!guest_read(&reader, address, &guest, sizeof(guest), error))
        return NULL;
    if (guest.count == 0 || guest.count > MIN(max_allowed, MAX_MONITORS)) {
        g_set_error(error, QXL_PARSE_ERROR, QXL_PARSE_ERROR_INVALID, "%u monitors, at most %u are allowed", guest.count,
                    max_allowed);
        return NULL;
    }
    size = guest.count * sizeof(QXLHead);
    heads = memslots_get_same(slots, group, address, address + sizeof(guest), size, error);
    if (!heads)
        return NULL;
    config = g_malloc0(sizeof(MonitorsConfig) + size);
    config->count = guest.count;
    /* 0 = the driver knows no limit; a client would take it for 1. */
    config->max_allowed = guest.max_allowed ? MIN(guest.max_allowed, max_allowed) : max_allowed;
    guest_copy(config->heads, heads, size);
    return config;
}
