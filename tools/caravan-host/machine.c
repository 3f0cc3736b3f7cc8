/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/caravan-host/machine.h"

#include "tools/caravan-host/event-loop.h"

#include <glib.h>
#include <unistd.h>

#define BOOT_WIDTH 640
#define BOOT_HEIGHT 480

static const MachineEvents *machine_events;

static Device *device_of(QXLInstance *qxl)
{
    return (Device *)qxl;
}

/* QXL callbacks; all but the first three run in the worker. */

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
        .n_surfaces = 1024,
    };
}

static int get_command(QXLInstance *qxl, QXLCommandExt *ext)
{
    return player_take(device_of(qxl)->player, qxl, RING_DISPLAY, ext);
}

static int req_cmd_notification(QXLInstance *qxl)
{
    return player_ring_armed(device_of(qxl)->player, qxl, RING_DISPLAY);
}

static int get_cursor_command(QXLInstance *qxl, QXLCommandExt *ext)
{
    return player_take(device_of(qxl)->player, qxl, RING_CURSOR, ext);
}

static int req_cursor_notification(QXLInstance *qxl)
{
    return player_ring_armed(device_of(qxl)->player, qxl, RING_CURSOR);
}

static void release_resource(QXLInstance *qxl, QXLReleaseInfoExt info)
{
    player_release(device_of(qxl)->player, info);
}

static void notify_update(QXLInstance *qxl, uint32_t update_id) {}

static int flush_resources(QXLInstance *qxl)
{
    return 0; /* releases take effect at once */
}

static void async_complete(QXLInstance *qxl, uint64_t cookie) {}

static void update_area_complete(QXLInstance *qxl, uint32_t surface_id, QXLRect *rects, uint32_t n) {}

static void set_client_capabilities(QXLInstance *qxl, uint8_t present, uint8_t caps[SPICE_CAPABILITIES_SIZE]) {}

static int client_monitors_config(QXLInstance *qxl, VDAgentMonitorsConfig *config)
{
    return 0;
}

static const QXLInterface qxl_interface = {
    .base = {SPICE_INTERFACE_QXL, "recording", SPICE_INTERFACE_QXL_MAJOR, SPICE_INTERFACE_QXL_MINOR},
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

static void connect_complete(SpiceMigrateInstance *sin)
{
    machine_events->connect_complete();
}

static void end_complete(SpiceMigrateInstance *sin)
{
    machine_events->end_complete();
}

static const SpiceMigrateInterface migrate_interface = {
    .base = {SPICE_INTERFACE_MIGRATION, "migration", SPICE_INTERFACE_MIGRATION_MAJOR, SPICE_INTERFACE_MIGRATION_MINOR},
    .migrate_connect_complete = connect_complete,
    .migrate_end_complete = end_complete,
};

static void push_scan_freg(SpiceKbdInstance *sin, uint8_t frag) {}

static uint8_t get_leds(SpiceKbdInstance *sin)
{
    return 0;
}

static const SpiceKbdInterface keyboard_interface = {
    .base = {SPICE_INTERFACE_KEYBOARD, "keyboard", SPICE_INTERFACE_KEYBOARD_MAJOR, SPICE_INTERFACE_KEYBOARD_MINOR},
    .push_scan_freg = push_scan_freg,
    .get_leds = get_leds,
};

static void mouse_motion(SpiceMouseInstance *sin, int dx, int dy, int dz, uint32_t buttons) {}

static void mouse_buttons(SpiceMouseInstance *sin, uint32_t buttons) {}

static const SpiceMouseInterface mouse_interface = {
    .base = {SPICE_INTERFACE_MOUSE, "mouse", SPICE_INTERFACE_MOUSE_MAJOR, SPICE_INTERFACE_MOUSE_MINOR},
    .motion = mouse_motion,
    .buttons = mouse_buttons,
};

static void add_memslot(Device *device)
{
    QXLDevMemSlot slot = {.virt_end = ~(uintptr_t)0};
    spice_qxl_add_memslot(&device->qxl, &slot);
}

static void add_interfaces(Machine *machine, const MachineOptions *options)
{
    machine->migration.base.sif = &migrate_interface.base;
    machine->keyboard.base.sif = &keyboard_interface.base;
    machine->mouse.base.sif = &mouse_interface.base;
    spice_server_add_interface(machine->server, &machine->migration.base);
    spice_server_add_interface(machine->server, &machine->keyboard.base);
    spice_server_add_interface(machine->server, &machine->mouse.base);
    if (options->audio_rate != 0)
        machine->sound = sound_new(machine->server, options->audio_rate);
    for (int i = 0; i < machine->n_devices; i++) {
        Device *device = &machine->devices[i];
        g_autofree char *address = g_strdup_printf("pci/0000/%02x.0", 2 + i);
        spice_server_add_interface(machine->server, &device->qxl.base);
        spice_qxl_set_device_info(&device->qxl, address, 0, 1);
        add_memslot(device);
    }
}

static bool start_server(Machine *machine, const MachineOptions *options)
{
    SpiceServer *server = machine->server = spice_server_new();
    if (options->ticket != NULL)
        spice_server_set_ticket(server, options->ticket, 0, 0, 0);
    else
        spice_server_set_noauth(server);
    if (options->compression != 0)
        spice_server_set_image_compression(server, options->compression);
    if (options->jpeg != 0)
        spice_server_set_jpeg_compression(server, options->jpeg);
    if (options->zlib_glz != 0)
        spice_server_set_zlib_glz_compression(server, options->zlib_glz);
    spice_server_set_streaming_video(server, options->streaming);
    if (options->video_codecs != NULL && spice_server_set_video_codecs(server, options->video_codecs) != 0)
        return false;
    spice_server_set_playback_compression(server, options->playback_compression);
    spice_server_set_name(server, options->name);
    spice_server_set_seamless_migration(server, options->seamless);
    if (options->listen_fd >= 0)
        spice_server_set_listen_socket_fd(server, options->listen_fd);
    return security_apply(&options->security, server, options->listen_fd >= 0) &&
           spice_server_init(server, event_loop_core(machine_events->channel_event)) == 0;
}

Machine *machine_new(const MachineOptions *options, const MachineEvents *events, Player **players, int n_players)
{
    machine_events = events;
    Machine *machine = g_new0(Machine, 1);
    machine->n_devices = n_players;
    machine->devices = g_new0(Device, n_players);
    for (int i = 0; i < n_players; i++) {
        machine->devices[i].qxl.base.sif = &qxl_interface.base;
        machine->devices[i].qxl.id = i;
        machine->devices[i].player = players[i];
    }
    if (!start_server(machine, options)) {
        machine_free(machine);
        return NULL;
    }
    add_interfaces(machine, options);
    if (options->port_device != NULL && options->listen_fd >= 0)
        machine->port = port_new(machine->server, "port", options->port_device);
    return machine;
}

void machine_free(Machine *machine)
{
    if (machine == NULL)
        return;
    machine_set_running(machine, false);
    sound_free(machine->sound);
    port_remove(machine->port);
    port_remove(machine->agent);
    port_remove(machine->smartcard);
    spice_server_destroy(machine->server);
    for (int i = 0; i < machine->n_devices; i++)
        g_free(machine->devices[i].boot_memory);
    g_free(machine->devices);
    g_free(machine);
}

void machine_set_running(Machine *machine, bool running)
{
    if (running == machine->running)
        return;
    machine->running = running;
    if (running)
        spice_server_vm_start(machine->server);
    else
        spice_server_vm_stop(machine->server);
    if (machine->sound != NULL)
        sound_set_running(machine->sound, running);
}

static void boot_primary(Device *device)
{
    if (device->boot_memory == NULL)
        device->boot_memory = g_malloc0((size_t)BOOT_WIDTH * BOOT_HEIGHT * 4);
    QXLDevSurfaceCreate create = {
        .width = BOOT_WIDTH,
        .height = BOOT_HEIGHT,
        .stride = -BOOT_WIDTH * 4,
        .format = SPICE_SURFACE_FMT_32_xRGB,
        .mouse_mode = TRUE,
        .type = QXL_SURF_TYPE_PRIMARY,
        .mem = (uintptr_t)device->boot_memory,
    };
    spice_qxl_create_primary_surface(&device->qxl, 0, &create);
}

static void reset_device(Device *device)
{
    spice_qxl_reset_cursor(&device->qxl);
    spice_qxl_reset_image_cache(&device->qxl);
    spice_qxl_destroy_surfaces(&device->qxl);
    spice_qxl_reset_memslots(&device->qxl);
    add_memslot(device);
    spice_qxl_driver_unload(&device->qxl);
    boot_primary(device);
}

void machine_boot_primaries(Machine *machine)
{
    for (int i = 0; i < machine->n_devices; i++)
        reset_device(&machine->devices[i]);
}

void device_load(Device *device)
{
    reset_device(device);
    spice_qxl_destroy_primary_surface(&device->qxl, 0);
    spice_qxl_reset_cursor(&device->qxl);
    g_clear_pointer(&device->boot_memory, g_free);
    QXLDevSurfaceCreate create;
    if (player_primary(device->player, true, &create))
        spice_qxl_create_primary_surface(&device->qxl, 0, &create);
    g_autoptr(GArray) commands = player_loadvm_commands(device->player);
    spice_qxl_loadvm_commands(&device->qxl, (QXLCommandExt *)commands->data, commands->len);
}
