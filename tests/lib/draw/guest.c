/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/lib/draw/guest.h"

#include <spice/enums.h>

const uint32_t guest_source_formats[GUEST_SURFACES] = {
    0,
    SPICE_SURFACE_FMT_32_xRGB,
    SPICE_SURFACE_FMT_32_ARGB,
    SPICE_SURFACE_FMT_16_555,
    SPICE_SURFACE_FMT_16_565,
    SPICE_SURFACE_FMT_8_A,
    SPICE_SURFACE_FMT_1_A,
};

static Guest *guest_of(QXLInstance *qxl)
{
    return (Guest *)qxl;
}

/* --- callbacks, in the worker --- */

static void attached_worker(QXLInstance *qxl) {}

static void set_compression_level(QXLInstance *qxl, int level) {}

static void get_init_info(QXLInstance *qxl, QXLDevInitInfo *info)
{
    *info = (QXLDevInitInfo){
        .num_memslots_groups = 1,
        .num_memslots = 8,
        .memslot_gen_bits = 8,
        .memslot_id_bits = 1,
        .qxl_ram_size = 64 << 20,
        .n_surfaces = 64,
    };
}

static int get_command(QXLInstance *qxl, QXLCommandExt *ext)
{
    Guest *guest = guest_of(qxl);
    QXLCommandExt *next;

    g_mutex_lock(&guest->lock);
    next = g_queue_pop_head(&guest->ring);
    if (next)
        *ext = *next;
    g_free(next);
    g_cond_signal(&guest->fetched);
    g_mutex_unlock(&guest->lock);
    return next != NULL;
}

static int req_cmd_notification(QXLInstance *qxl)
{
    Guest *guest = guest_of(qxl);
    bool empty;

    g_mutex_lock(&guest->lock);
    empty = guest->ring.length == 0;
    guest->armed = empty;
    g_mutex_unlock(&guest->lock);
    return empty;
}

static int get_cursor_command(QXLInstance *qxl, QXLCommandExt *ext)
{
    return 0;
}

static int req_cursor_notification(QXLInstance *qxl)
{
    return 1;
}

static void release_resource(QXLInstance *qxl, QXLReleaseInfoExt info) {}

static void notify_update(QXLInstance *qxl, uint32_t update_id) {}

static int flush_resources(QXLInstance *qxl)
{
    return 0;
}

static void async_complete(QXLInstance *qxl, uint64_t cookie) {}

static void update_area_complete(QXLInstance *qxl, uint32_t surface_id, QXLRect *rects, uint32_t n) {}

static void set_client_capabilities(QXLInstance *qxl, uint8_t present, uint8_t caps[SPICE_CAPABILITIES_SIZE]) {}

static int client_monitors_config(QXLInstance *qxl, VDAgentMonitorsConfig *config)
{
    return 0;
}

static const QXLInterface interface = {
    .base = {SPICE_INTERFACE_QXL, "drawing", SPICE_INTERFACE_QXL_MAJOR, SPICE_INTERFACE_QXL_MINOR},
    .attached_worker = attached_worker,
    .set_compression_level = set_compression_level,
    .get_init_info = get_init_info,
    .get_command = get_command,
    .req_cmd_notification = req_cmd_notification,
    .release_resource = release_resource,
    .get_cursor_command = get_cursor_command,
    .req_cursor_notification = req_cursor_notification,
    .notify_update = notify_update,
    .flush_resources = flush_resources,
    .async_complete = async_complete,
    .update_area_complete = update_area_complete,
    .set_client_capabilities = set_client_capabilities,
    .client_monitors_config = client_monitors_config,
};

/* --- the guest --- */

void guest_init(Guest *guest, SpiceServer *server)
{
    QXLDevMemSlot slot = {.virt_end = ~(uintptr_t)0};

    guest->qxl.base.sif = &interface.base;
    guest->memory = g_ptr_array_new_with_free_func(g_free);
    spice_server_add_interface(server, &guest->qxl.base);
    spice_qxl_add_memslot(&guest->qxl, &slot);
}

void *guest_alloc(Guest *guest, size_t size)
{
    void *block = g_malloc0(MAX(size, 1));

    g_ptr_array_add(guest->memory, block);
    return block;
}

unsigned guest_format_bits(uint32_t format)
{
    switch (format) {
    case SPICE_SURFACE_FMT_1_A:
        return 1;
    case SPICE_SURFACE_FMT_8_A:
        return 8;
    case SPICE_SURFACE_FMT_16_555:
    case SPICE_SURFACE_FMT_16_565:
        return 16;
    default:
        return 32;
    }
}

static int32_t stride_of(uint32_t format, uint32_t width)
{
    return (int32_t)((width * guest_format_bits(format) + 31) / 32 * 4);
}

static void create_source(Guest *guest, uint32_t id)
{
    QXLSurfaceCmd *command = guest_alloc(guest, sizeof(*command));
    uint32_t format = guest_source_formats[id];
    int32_t stride = stride_of(format, SOURCE_WIDTH);

    command->surface_id = id;
    command->type = QXL_SURFACE_CMD_CREATE;
    command->u.surface_create = (QXLSurface){.format = format,
                                             .width = SOURCE_WIDTH,
                                             .height = SOURCE_HEIGHT,
                                             .stride = stride,
                                             .data = (uintptr_t)guest_alloc(guest, (size_t)stride * SOURCE_HEIGHT)};
    guest_submit(guest, QXL_CMD_SURFACE, command);
}

void guest_renew_source(Guest *guest, uint32_t id)
{
    QXLSurfaceCmd *command = guest_alloc(guest, sizeof(*command));

    command->surface_id = id;
    command->type = QXL_SURFACE_CMD_DESTROY;
    guest_submit(guest, QXL_CMD_SURFACE, command);
    create_source(guest, id);
}

void guest_begin(Guest *guest, uint32_t format, uint32_t width, uint32_t height, bool bottom_up)
{
    QXLDevSurfaceCreate create = {
        .width = width, .height = height, .format = format, .mouse_mode = TRUE, .type = QXL_SURF_TYPE_PRIMARY};

    if (guest->pixels)
        spice_qxl_destroy_surfaces(&guest->qxl);
    g_ptr_array_set_size(guest->memory, 0);
    guest->format = format;
    guest->width = width;
    guest->height = height;
    guest->stride = stride_of(format, width);
    guest->pixels = guest_alloc(guest, (size_t)guest->stride * height);
    if (bottom_up)
        guest->stride = -guest->stride;
    create.stride = guest->stride;
    create.mem = (uintptr_t)guest->pixels;
    spice_qxl_create_primary_surface(&guest->qxl, 0, &create);
    for (uint32_t id = 1; id < GUEST_SURFACES; id++)
        create_source(guest, id);
}

void guest_submit(Guest *guest, uint32_t type, const void *command)
{
    QXLCommandExt ext = {.cmd = {.data = (uintptr_t)command, .type = type}};
    bool wake;

    g_mutex_lock(&guest->lock);
    g_queue_push_tail(&guest->ring, g_memdup2(&ext, sizeof(ext)));
    wake = guest->armed;
    guest->armed = false;
    g_mutex_unlock(&guest->lock);
    if (wake)
        spice_qxl_wakeup(&guest->qxl);
}

void guest_update(Guest *guest, const QXLRect *area)
{
    QXLRect what = *area, dirty;

    spice_qxl_update_area(&guest->qxl, 0, &what, &dirty, 1, 1);
}

void guest_finish(Guest *guest)
{
    QXLRect whole = {.right = (int32_t)guest->width, .bottom = (int32_t)guest->height};

    g_mutex_lock(&guest->lock);
    while (guest->ring.length)
        g_cond_wait(&guest->fetched, &guest->lock);
    g_mutex_unlock(&guest->lock);
    guest_update(guest, &whole);
}

size_t guest_row_bytes(const Guest *guest)
{
    return ((size_t)guest->width * guest_format_bits(guest->format) + 7) / 8;
}

const uint8_t *guest_row(const Guest *guest, uint32_t y)
{
    return guest->stride < 0 ? guest->pixels + (guest->height - 1 - y) * (size_t)-guest->stride
                             : guest->pixels + y * (size_t)guest->stride;
}
