/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/worker-guest.h"

#include <spice/enums.h>
#include <string.h>

#define GROUP 1
#define QUEUE_MAX 64
#define THREAD_SURFACES 8
#define CURSOR_SIDE 8

/* The guest's structure is the first member of its block, and its release info the first of the structure. */
typedef struct Command {
    union {
        QXLReleaseInfo release;
        QXLDrawable draw;
        QXLSurfaceCmd surface;
        QXLCursorCmd cursor;
        QXLUpdateCmd update;
    } guest;
    uint32_t type;
    QXLImage image;
    QXLCursor shape; /* its data follow in pixels */
    uint32_t pixels[];
} Command;

static Guest *guest_of(QXLInstance *qxl)
{
    return (Guest *)qxl;
}

/* --- images --- */

bool guest_is_cacheable(uint64_t id)
{
    return (uint32_t)id == QXL_IMAGE_GROUP_DRIVER && id >> 32 >= 1 && id >> 32 <= GUEST_IMAGES;
}

uint32_t guest_image_side(uint64_t id)
{
    return 8 + (uint32_t)(id >> 32) % 5 * 6;
}

uint32_t guest_image_pixel(uint64_t id, uint32_t x, uint32_t y)
{
    return (uint32_t)(id >> 32) * 0x010305 + x * 7 + y * 0x300;
}

/* --- making commands --- */

static Command *command_new(Guest *guest, uint32_t type, size_t pixels)
{
    Command *c = g_malloc0(sizeof(Command) + pixels * sizeof(uint32_t));

    c->type = type;
    pthread_mutex_lock(&guest->lock);
    g_hash_table_add(guest->outstanding, c);
    pthread_mutex_unlock(&guest->lock);
    return c;
}

static QXLCommandExt command_ext(const Command *c)
{
    return (QXLCommandExt){.cmd = {.data = (uintptr_t)c, .type = c->type}, .group_id = GROUP};
}

static void submit(Guest *guest, Command *c)
{
    bool is_cursor = c->type == QXL_CMD_CURSOR;
    bool *notify = is_cursor ? &guest->notify_cursor : &guest->notify_display, wake;
    GQueue *queue = is_cursor ? &guest->cursor : &guest->display;

    pthread_mutex_lock(&guest->lock);
    g_queue_push_tail(queue, c);
    wake = *notify;
    *notify = false;
    pthread_mutex_unlock(&guest->lock);
    if (wake)
        spice_qxl_wakeup(&guest->qxl);
}

static Command *draw_new(Guest *guest, uint8_t type, uint32_t surface, uint32_t x, uint32_t y, uint32_t side,
                         size_t pixels)
{
    Command *c = command_new(guest, QXL_CMD_DRAW, pixels);
    QXLDrawable *d = &c->guest.draw;

    d->surface_id = surface;
    d->effect = QXL_EFFECT_OPAQUE;
    d->type = type;
    d->bbox =
        (QXLRect){.top = (int32_t)y, .left = (int32_t)x, .bottom = (int32_t)(y + side), .right = (int32_t)(x + side)};
    for (unsigned i = 0; i < 3; i++)
        d->surfaces_dest[i] = -1;
    return c;
}

static Command *fill_new(Guest *guest, uint32_t surface, uint32_t x, uint32_t y, uint32_t side, uint32_t color)
{
    Command *c = draw_new(guest, QXL_DRAW_FILL, surface, x, y, side, 0);

    c->guest.draw.u.fill.brush.type = SPICE_BRUSH_TYPE_SOLID;
    c->guest.draw.u.fill.brush.u.color = color;
    c->guest.draw.u.fill.rop_descriptor = SPICE_ROPD_OP_PUT;
    return c;
}

static void copy_from(Command *c, uint32_t side)
{
    c->guest.draw.u.copy.src_bitmap = (uintptr_t)&c->image;
    c->guest.draw.u.copy.src_area = (QXLRect){.bottom = (int32_t)side, .right = (int32_t)side};
    c->guest.draw.u.copy.rop_descriptor = SPICE_ROPD_OP_PUT;
}

static Command *copy_new(Guest *guest, uint32_t surface, uint32_t x, uint32_t y, uint64_t id)
{
    uint32_t side = guest_image_side(id);
    Command *c = draw_new(guest, QXL_DRAW_COPY, surface, x, y, side, (size_t)side * side);

    c->image.descriptor = (QXLImageDescriptor){.id = id,
                                               .type = SPICE_IMAGE_TYPE_BITMAP,
                                               .flags = guest_is_cacheable(id) ? QXL_IMAGE_CACHE : 0,
                                               .width = side,
                                               .height = side};
    c->image.bitmap = (QXLBitmap){.format = SPICE_BITMAP_FMT_32BIT,
                                  .flags = QXL_BITMAP_DIRECT | QXL_BITMAP_TOP_DOWN,
                                  .x = side,
                                  .y = side,
                                  .stride = side * 4,
                                  .data = (uintptr_t)c->pixels};
    for (uint32_t i = 0; i < side * side; i++)
        c->pixels[i] = guest_image_pixel(id, i % side, i / side);
    copy_from(c, side);
    return c;
}

static Command *surface_copy_new(Guest *guest, uint32_t source, uint32_t x, uint32_t y, uint32_t side)
{
    Command *c = draw_new(guest, QXL_DRAW_COPY, 0, x, y, side, 0);

    c->image.descriptor.type = SPICE_IMAGE_TYPE_SURFACE;
    c->image.descriptor.width = c->image.descriptor.height = side;
    c->image.surface_image.surface_id = source;
    c->guest.draw.surfaces_dest[0] = (int32_t)source;
    c->guest.draw.surfaces_rects[0] = (QXLRect){.bottom = (int32_t)side, .right = (int32_t)side};
    copy_from(c, side);
    return c;
}

static Command *surface_new(Guest *guest, uint32_t id, uint32_t side)
{
    Command *c = command_new(guest, QXL_CMD_SURFACE, (size_t)side * side);

    c->guest.surface.surface_id = id;
    c->guest.surface.type = QXL_SURFACE_CMD_CREATE;
    c->guest.surface.u.surface_create = (QXLSurface){.format = SPICE_SURFACE_FMT_32_xRGB,
                                                     .width = side,
                                                     .height = side,
                                                     .stride = (int32_t)side * 4,
                                                     .data = (uintptr_t)c->pixels};
    return c;
}

static Command *surface_destroy_new(Guest *guest, uint32_t id)
{
    Command *c = command_new(guest, QXL_CMD_SURFACE, 0);

    c->guest.surface.surface_id = id;
    c->guest.surface.type = QXL_SURFACE_CMD_DESTROY;
    return c;
}

static Command *cursor_set_new(Guest *guest, uint64_t unique)
{
    Command *c = command_new(guest, QXL_CMD_CURSOR, CURSOR_SIDE * CURSOR_SIDE);

    c->guest.cursor.type = QXL_CURSOR_SET;
    c->guest.cursor.u.set.visible = 1;
    c->guest.cursor.u.set.shape = (uintptr_t)&c->shape;
    c->shape.header = (QXLCursorHeader){
        .unique = unique, .type = SPICE_CURSOR_TYPE_ALPHA, .width = CURSOR_SIDE, .height = CURSOR_SIDE};
    c->shape.data_size = CURSOR_SIDE * CURSOR_SIDE * 4;
    c->shape.chunk.data_size = c->shape.data_size;
    return c;
}

static Command *cursor_move_new(Guest *guest, int16_t x, int16_t y)
{
    Command *c = command_new(guest, QXL_CMD_CURSOR, 0);

    c->guest.cursor.type = QXL_CURSOR_MOVE;
    c->guest.cursor.u.position = (QXLPoint16){.x = x, .y = y};
    return c;
}

static Command *update_new(Guest *guest)
{
    Command *c = command_new(guest, QXL_CMD_UPDATE, 0);

    c->guest.update.area = (QXLRect){.bottom = 50, .right = 50};
    c->guest.update.update_id = 1;
    return c;
}

/* --- the guest's thread --- */

typedef struct Life {
    Guest *guest;
    uint64_t state;
    bool has[THREAD_SURFACES];
} Life;

static uint32_t pick(Life *life, uint32_t n)
{
    life->state = life->state * G_GUINT64_CONSTANT(6364136223846793005) + G_GUINT64_CONSTANT(1442695040888963407);
    return (uint32_t)(life->state >> 33) % n;
}

static uint64_t pick_image(Life *life)
{
    if (pick(life, 8) == 0)
        return (uint64_t)(1000 + pick(life, 1000)) << 32 | QXL_IMAGE_GROUP_DRIVER_DONT_CACHE;
    /* Some are used more often than others. */
    return (uint64_t)(1 + pick(life, pick(life, 2) ? GUEST_IMAGES : GUEST_IMAGES / 6)) << 32 | QXL_IMAGE_GROUP_DRIVER;
}

static void touch_surface(Life *life)
{
    Guest *guest = life->guest;
    uint32_t id = 1 + pick(life, THREAD_SURFACES - 1), side = 32 + id * 4;

    if (!life->has[id]) {
        submit(guest, surface_new(guest, id, side));
        submit(guest, fill_new(guest, id, 0, 0, side, id * 0x1111));
        life->has[id] = true;
        return;
    }
    switch (pick(life, 5)) {
    case 0:
        submit(guest, surface_destroy_new(guest, id));
        life->has[id] = false;
        break;
    case 1:
        submit(guest, copy_new(guest, id, 0, 0, pick_image(life)));
        break;
    default:
        submit(guest, surface_copy_new(guest, id, pick(life, 200), pick(life, 150), side));
        break;
    }
}

static void one_step(Life *life)
{
    Guest *guest = life->guest;

    switch (pick(life, 16)) {
    case 0:
    case 1:
        submit(guest, fill_new(guest, 0, pick(life, 200), pick(life, 150), 1 + pick(life, 90), pick(life, 1 << 24)));
        break;
    case 2:
    case 3:
    case 4:
        touch_surface(life);
        break;
    case 5:
        submit(guest, cursor_set_new(guest, 1 + pick(life, 400)));
        break;
    case 6:
        submit(guest, cursor_move_new(guest, (int16_t)pick(life, 300), (int16_t)pick(life, 200)));
        break;
    case 7:
        if (pick(life, 20) == 0)
            submit(guest, update_new(guest));
        break;
    default:
        submit(guest, copy_new(guest, 0, pick(life, 280), pick(life, 200), pick_image(life)));
        break;
    }
}

static bool is_full(Guest *guest)
{
    bool full;

    pthread_mutex_lock(&guest->lock);
    full = guest->display.length >= QUEUE_MAX || guest->cursor.length >= QUEUE_MAX;
    pthread_mutex_unlock(&guest->lock);
    return full;
}

static void *live(void *data)
{
    Life life = {.guest = data, .state = ((Guest *)data)->index + 1};

    while (!g_atomic_int_get(&life.guest->quit)) {
        if (is_full(life.guest)) {
            g_usleep(200);
            if (pick(&life, 10) == 0)
                spice_qxl_wakeup(&life.guest->qxl); /* for nothing */
        } else {
            one_step(&life);
        }
    }
    return NULL;
}

void guest_start(Guest *guest)
{
    g_atomic_int_set(&guest->quit, 0);
    guest->has_thread = true;
    g_assert_cmpint(pthread_create(&guest->thread, NULL, live, guest), ==, 0);
}

void guest_stop(Guest *guest)
{
    if (!guest->has_thread)
        return;
    g_atomic_int_set(&guest->quit, 1);
    pthread_join(guest->thread, NULL);
    guest->has_thread = false;
}

/* --- the device's interface --- */

static void set_compression_level(QXLInstance *qxl, int level) {}

static void attached_worker(QXLInstance *qxl) {}

static void get_init_info(QXLInstance *qxl, QXLDevInitInfo *info)
{
    *info = (QXLDevInitInfo){.num_memslots_groups = 2,
                             .num_memslots = 1,
                             .memslot_gen_bits = 8,
                             .memslot_id_bits = 8,
                             .qxl_ram_size = 16 << 20,
                             .n_surfaces = GUEST_SURFACES};
}

static int get(Guest *guest, GQueue *queue, bool *notify, QXLCommandExt *out)
{
    Command *c;

    pthread_mutex_lock(&guest->lock);
    g_assert_false(guest->stopped);
    c = g_queue_pop_head(queue);
    if (c) {
        *out = command_ext(c);
        *notify = false;
        guest->n_fetched++;
    }
    pthread_mutex_unlock(&guest->lock);
    return c != NULL;
}

static int request(Guest *guest, const GQueue *queue, bool *notify)
{
    int empty;

    pthread_mutex_lock(&guest->lock);
    g_assert_false(guest->stopped);
    empty = g_queue_is_empty((GQueue *)queue);
    *notify = empty;
    pthread_mutex_unlock(&guest->lock);
    return empty;
}

static int get_command(QXLInstance *qxl, QXLCommandExt *out)
{
    Guest *guest = guest_of(qxl);

    return get(guest, &guest->display, &guest->notify_display, out);
}

static int get_cursor_command(QXLInstance *qxl, QXLCommandExt *out)
{
    Guest *guest = guest_of(qxl);

    return get(guest, &guest->cursor, &guest->notify_cursor, out);
}

static int req_cmd_notification(QXLInstance *qxl)
{
    Guest *guest = guest_of(qxl);

    return request(guest, &guest->display, &guest->notify_display);
}

static int req_cursor_notification(QXLInstance *qxl)
{
    Guest *guest = guest_of(qxl);

    return request(guest, &guest->cursor, &guest->notify_cursor);
}

static void release_resource(QXLInstance *qxl, QXLReleaseInfoExt release)
{
    Guest *guest = guest_of(qxl);
    Command *c = (Command *)(void *)release.info;

    g_assert_cmpuint(release.group_id, ==, GROUP);
    pthread_mutex_lock(&guest->lock);
    g_assert_true(!guest->stopped || guest->calls);
    g_assert_true(g_hash_table_remove(guest->outstanding, c)); /* once, and only what was made */
    guest->n_released++;
    pthread_mutex_unlock(&guest->lock);
    memset(c, 0xdd, sizeof(Command));
    g_free(c);
}

static void assert_running(Guest *guest)
{
    pthread_mutex_lock(&guest->lock);
    g_assert_false(guest->stopped);
    pthread_mutex_unlock(&guest->lock);
}

static void notify_update(QXLInstance *qxl, uint32_t update_id)
{
    assert_running(guest_of(qxl));
    g_assert_cmpuint(update_id, ==, 1);
}

static int flush_resources(QXLInstance *qxl)
{
    Guest *guest = guest_of(qxl);

    pthread_mutex_lock(&guest->lock);
    g_assert_false(guest->stopped);
    guest->n_flushes++;
    pthread_mutex_unlock(&guest->lock);
    return 1;
}

static void async_complete(QXLInstance *qxl, uint64_t cookie)
{
    Guest *guest = guest_of(qxl);

    g_assert_cmpuint(cookie, <, MAX_COOKIES);
    pthread_mutex_lock(&guest->lock);
    g_assert_cmpuint(guest->completed[cookie], ==, 0); /* exactly once */
    guest->completed[cookie] = 1;
    pthread_mutex_unlock(&guest->lock);
}

static void update_area_complete(QXLInstance *qxl, uint32_t surface_id, QXLRect *rects, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        g_assert_cmpint(rects[i].left, >=, 0);
        g_assert_cmpint(rects[i].left, <, rects[i].right);
        g_assert_cmpint(rects[i].right, <=, GUEST_WIDTH);
        g_assert_cmpint(rects[i].bottom, <=, GUEST_HEIGHT);
    }
}

static void set_client_capabilities(QXLInstance *qxl, uint8_t present, uint8_t caps[SPICE_CAPABILITIES_SIZE])
{
    assert_running(guest_of(qxl));
}

static int client_monitors_config(QXLInstance *qxl, VDAgentMonitorsConfig *config)
{
    return 0;
}

static const QXLInterface interface = {
    .base = {.type = SPICE_INTERFACE_QXL,
             .description = "test",
             .major_version = SPICE_INTERFACE_QXL_MAJOR,
             .minor_version = SPICE_INTERFACE_QXL_MINOR},
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

/* --- the host's side --- */

void guest_enter(Guest *guest)
{
    pthread_mutex_lock(&guest->lock);
    guest->calls++;
    pthread_mutex_unlock(&guest->lock);
}

void guest_leave(Guest *guest)
{
    pthread_mutex_lock(&guest->lock);
    guest->calls--;
    pthread_mutex_unlock(&guest->lock);
}

void guest_set_stopped(Guest *guest, bool stopped)
{
    pthread_mutex_lock(&guest->lock);
    guest->stopped = stopped;
    pthread_mutex_unlock(&guest->lock);
}

uint64_t guest_cookie(Guest *guest)
{
    g_assert_cmpuint(guest->next_cookie, <, MAX_COOKIES);
    return guest->next_cookie++;
}

static bool is_complete(Guest *guest, uint64_t cookie)
{
    bool complete;

    pthread_mutex_lock(&guest->lock);
    complete = guest->completed[cookie];
    pthread_mutex_unlock(&guest->lock);
    return complete;
}

void guest_wait_cookie(Guest *guest, uint64_t cookie)
{
    gint64 end = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;

    while (!is_complete(guest, cookie)) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(500);
    }
}

bool guest_cookies_are_complete(Guest *guest)
{
    for (uint64_t i = 0; i < guest->next_cookie; i++)
        if (!is_complete(guest, i))
            return false;
    return true;
}

void guest_create_primary(Guest *guest, bool async)
{
    QXLDevSurfaceCreate create = {.width = GUEST_WIDTH,
                                  .height = GUEST_HEIGHT,
                                  .stride = -GUEST_WIDTH * 4,
                                  .format = SPICE_SURFACE_FMT_32_xRGB,
                                  .mouse_mode = 1,
                                  .group_id = GROUP};

    g_assert_null(guest->primary);
    guest->primary = g_malloc0(GUEST_WIDTH * GUEST_HEIGHT * 4);
    create.mem = (uintptr_t)guest->primary;
    if (async) {
        uint64_t cookie = guest_cookie(guest);

        spice_qxl_create_primary_surface_async(&guest->qxl, 0, &create, cookie);
        guest_wait_cookie(guest, cookie);
    } else {
        spice_qxl_create_primary_surface(&guest->qxl, 0, &create);
    }
}

void guest_forget_primary(Guest *guest)
{
    g_clear_pointer(&guest->primary, g_free);
}

void guest_destroy_primary(Guest *guest, bool async)
{
    guest_enter(guest);
    if (async) {
        uint64_t cookie = guest_cookie(guest);

        spice_qxl_destroy_primary_surface_async(&guest->qxl, 0, cookie);
        guest_wait_cookie(guest, cookie);
    } else {
        spice_qxl_destroy_primary_surface(&guest->qxl, 0);
    }
    guest_leave(guest);
    guest_forget_primary(guest);
}

void guest_load(Guest *guest)
{
    QXLCommandExt commands[3];

    commands[0] = command_ext(surface_new(guest, THREAD_SURFACES, 40));
    commands[1] = command_ext(surface_new(guest, THREAD_SURFACES + 1, 50));
    commands[2] = command_ext(cursor_set_new(guest, 9));
    spice_qxl_loadvm_commands(&guest->qxl, commands, 3);
}

Guest *guest_new(SpiceServer *server, unsigned index)
{
    Guest *guest = g_new0(Guest, 1);
    QXLDevMemSlot slot = {.slot_group_id = GROUP, .virt_start = 1, .virt_end = (uintptr_t)1 << 47};

    guest->qxl.base.sif = &interface.base;
    guest->qxl.id = (int)index;
    guest->index = index;
    pthread_mutex_init(&guest->lock, NULL);
    g_queue_init(&guest->display);
    g_queue_init(&guest->cursor);
    guest->outstanding = g_hash_table_new(NULL, NULL);
    guest->stopped = true;
    g_assert_cmpint(spice_server_add_interface(server, &guest->qxl.base), ==, 0);
    spice_qxl_add_memslot(&guest->qxl, &slot);
    guest_create_primary(guest, false);
    return guest;
}

static void drop_queue(Guest *guest, GQueue *queue)
{
    Command *c;

    while ((c = g_queue_pop_head(queue))) {
        g_assert_true(g_hash_table_remove(guest->outstanding, c));
        g_free(c);
    }
}

void guest_free(Guest *guest)
{
    guest_stop(guest);
    drop_queue(guest, &guest->display);
    drop_queue(guest, &guest->cursor);
    g_assert_cmpuint(g_hash_table_size(guest->outstanding), ==, 0);
    g_assert_true(guest_cookies_are_complete(guest));
    g_hash_table_unref(guest->outstanding);
    pthread_mutex_destroy(&guest->lock);
    guest_forget_primary(guest);
    g_free(guest);
}
