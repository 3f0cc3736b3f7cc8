/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Interfaces that a host adds to a server. */
#include "server/api/api.h"

#include "server/channels/agent.h"
#include "server/channels/char-device.h"
#include "server/channels/inputs-channel.h"
#include "server/channels/main-channel.h"
#include "server/channels/playback-channel.h"
#include "server/channels/record-channel.h"
#include "server/channels/smartcard-channel.h"
#include "server/channels/stream-device.h"
#include "server/channels/vmc-channel.h"
#include "server/core/server.h"
#include "server/display/qxl.h"

#include <string.h>

static bool version_fits(const SpiceBaseInterface *sif, uint32_t major, uint32_t minor)
{
    if (sif->major_version == major && sif->minor_version <= minor)
        return true;
    g_warning("interface '%s' version %u.%u does not fit %u.%u", sif->type, sif->major_version, sif->minor_version,
              major, minor);
    return false;
}

static int refuse_second(const char *type)
{
    g_warning("there is a %s already", type);
    return -1;
}

static int add_keyboard(SpiceServer *s, SpiceKbdInstance *keyboard)
{
    if (!version_fits(keyboard->base.sif, SPICE_INTERFACE_KEYBOARD_MAJOR, SPICE_INTERFACE_KEYBOARD_MINOR))
        return -1;
    if (s->keyboard)
        return refuse_second("keyboard");
    s->keyboard = keyboard;
    keyboard->st = (SpiceKbdState *)s; /* leads back from spice_server_kbd_leds() */
    return 0;
}

static int add_mouse(SpiceServer *s, SpiceMouseInstance *mouse)
{
    if (!version_fits(mouse->base.sif, SPICE_INTERFACE_MOUSE_MAJOR, SPICE_INTERFACE_MOUSE_MINOR))
        return -1;
    if (s->mouse)
        return refuse_second("mouse");
    s->mouse = mouse;
    mouse->st = (SpiceMouseState *)s;
    return 0;
}

static int add_tablet(SpiceServer *s, SpiceTabletInstance *tablet)
{
    if (!version_fits(tablet->base.sif, SPICE_INTERFACE_TABLET_MAJOR, SPICE_INTERFACE_TABLET_MINOR))
        return -1;
    if (s->tablet)
        return refuse_second("tablet");
    s->tablet = tablet;
    tablet->st = (SpiceTabletState *)s;
    main_channel_update_mouse(s->main);
    return 0;
}

static int add_migration(SpiceServer *s, SpiceMigrateInstance *migrate)
{
    if (!version_fits(migrate->base.sif, SPICE_INTERFACE_MIGRATION_MAJOR, SPICE_INTERFACE_MIGRATION_MINOR))
        return -1;
    if (s->migrate_interface)
        return refuse_second("migration interface");
    s->migrate_interface = migrate;
    migrate->st = (SpiceMigrateState *)s;
    return 0;
}

static int add_qxl(SpiceServer *s, QXLInstance *qxl)
{
    g_autoptr(GError) error = NULL;

    if (!version_fits(qxl->base.sif, SPICE_INTERFACE_QXL_MAJOR, SPICE_INTERFACE_QXL_MINOR))
        return -1;
    if (qxl_add(s, qxl, &error))
        return 0;
    g_warning("the QXL device is refused: %s", error->message);
    return -1;
}

static int add_playback(SpiceServer *s, SpicePlaybackInstance *playback)
{
    playback->st = NULL; /* hosts that do not look at the result go on with a device that is silent */
    if (!version_fits(playback->base.sif, SPICE_INTERFACE_PLAYBACK_MAJOR, SPICE_INTERFACE_PLAYBACK_MINOR))
        return -1;
    if (s->playback)
        return refuse_second("playback device");
    playback->st = s->playback = playback_channel_new(s);
    return 0;
}

static int add_record(SpiceServer *s, SpiceRecordInstance *record)
{
    record->st = NULL;
    if (!version_fits(record->base.sif, SPICE_INTERFACE_RECORD_MAJOR, SPICE_INTERFACE_RECORD_MINOR))
        return -1;
    if (s->record)
        return refuse_second("record device");
    record->st = s->record = record_channel_new(s);
    return 0;
}

static bool is_agent(const SpiceCharDeviceInstance *device)
{
    return g_strcmp0(device->subtype, "vdagent") == 0;
}

static int add_char_device(SpiceServer *s, SpiceCharDeviceInstance *device)
{
    g_autoptr(GError) error = NULL;

    if (!version_fits(device->base.sif, SPICE_INTERFACE_CHAR_DEVICE_MAJOR, SPICE_INTERFACE_CHAR_DEVICE_MINOR))
        return -1;
    if (is_agent(device)) {
        if (!agent_attach(s->agent, device))
            g_warning("there is an agent already");
        return 0; /* hosts are not told */
    }
    if (stream_device_serves(device)) {
        if (stream_device_add(s, device, &error))
            return 0;
        g_warning("the stream device is refused: %s", error->message);
        return -1;
    }
    if (vmc_channel_serves(device) || smartcard_channel_serves(device)) {
        if (vmc_channel_serves(device) ? vmc_channel_add(s, device, &error) : smartcard_channel_add(s, device, &error))
            return 0;
        g_warning("the %s device is refused: %s", device->subtype, error->message);
        return -1;
    }
    g_warning("character devices of type '%s' are not implemented yet", device->subtype);
    return 0; /* hosts go on without the device */
}

int spice_server_add_interface(SpiceServer *s, SpiceBaseInstance *sin)
{
    const char *type = sin->sif->type;

    if (!s->core) {
        g_warning("an interface of type '%s' is added before the server was initialised", type);
        return -1;
    }
    if (strcmp(type, SPICE_INTERFACE_KEYBOARD) == 0)
        return add_keyboard(s, (SpiceKbdInstance *)sin);
    if (strcmp(type, SPICE_INTERFACE_MOUSE) == 0)
        return add_mouse(s, (SpiceMouseInstance *)sin);
    if (strcmp(type, SPICE_INTERFACE_TABLET) == 0)
        return add_tablet(s, (SpiceTabletInstance *)sin);
    if (strcmp(type, SPICE_INTERFACE_MIGRATION) == 0)
        return add_migration(s, (SpiceMigrateInstance *)sin);
    if (strcmp(type, SPICE_INTERFACE_QXL) == 0)
        return add_qxl(s, (QXLInstance *)sin);
    if (strcmp(type, SPICE_INTERFACE_PLAYBACK) == 0)
        return add_playback(s, (SpicePlaybackInstance *)sin);
    if (strcmp(type, SPICE_INTERFACE_RECORD) == 0)
        return add_record(s, (SpiceRecordInstance *)sin);
    if (strcmp(type, SPICE_INTERFACE_CHAR_DEVICE) == 0)
        return add_char_device(s, (SpiceCharDeviceInstance *)sin);
    g_warning("interfaces of type '%s' are not implemented yet", type);
    return 0; /* hosts go on without the device */
}

static int remove_tablet(SpiceTabletInstance *tablet)
{
    SpiceServer *s = (SpiceServer *)tablet->st;

    if (!s)
        return -1;
    s->tablet = NULL;
    tablet->st = NULL;
    main_channel_update_mouse(s->main);
    return 0;
}

static int remove_qxl(QXLInstance *qxl)
{
    if (!qxl->st)
        return -1;
    qxl_remove(qxl);
    return 0;
}

static int remove_playback(SpicePlaybackInstance *playback)
{
    if (!playback->st)
        return -1;
    playback_channel_free(playback->st);
    playback->st = NULL;
    return 0;
}

static int remove_record(SpiceRecordInstance *record)
{
    if (!record->st)
        return -1;
    record_channel_free(record->st);
    record->st = NULL;
    return 0;
}

static int remove_char_device(SpiceCharDeviceInstance *device)
{
    if (device->st && stream_device_serves(device)) {
        stream_device_remove(device);
        return 0;
    }
    if (!is_agent(device) && !stream_device_serves(device) && !vmc_channel_serves(device) &&
        !smartcard_channel_serves(device))
        return 0; /* nothing was added */
    if (device->st && vmc_channel_serves(device)) {
        vmc_channel_remove(device);
        return 0;
    }
    if (device->st && smartcard_channel_serves(device)) {
        smartcard_channel_remove(device);
        return 0;
    }
    if (device->st && is_agent(device))
        return agent_detach(char_device_owner(device->st), device) ? 0 : -1;
    g_warning("the %s device is not added, it cannot be removed", device->subtype);
    return -1;
}

int spice_server_remove_interface(SpiceBaseInstance *sin)
{
    if (!sin) {
        g_warning("spice_server_remove_interface: no interface given");
        return -1;
    }
    if (strcmp(sin->sif->type, SPICE_INTERFACE_TABLET) == 0)
        return remove_tablet((SpiceTabletInstance *)sin);
    if (strcmp(sin->sif->type, SPICE_INTERFACE_QXL) == 0)
        return remove_qxl((QXLInstance *)sin);
    if (strcmp(sin->sif->type, SPICE_INTERFACE_PLAYBACK) == 0)
        return remove_playback((SpicePlaybackInstance *)sin);
    if (strcmp(sin->sif->type, SPICE_INTERFACE_RECORD) == 0)
        return remove_record((SpiceRecordInstance *)sin);
    if (strcmp(sin->sif->type, SPICE_INTERFACE_CHAR_DEVICE) == 0)
        return remove_char_device((SpiceCharDeviceInstance *)sin);
    g_warning("an interface of type '%s' cannot be removed", sin->sif->type);
    return -1;
}

int spice_server_kbd_leds(SpiceKbdInstance *sin, int leds)
{
    SpiceServer *s = (SpiceServer *)sin->st;

    if (s && s->inputs)
        inputs_channel_set_leds(s->inputs, leds);
    return 0;
}
