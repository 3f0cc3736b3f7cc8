/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Machine: one SpiceServer with its devices, in the order in which QEMU makes them: migration, keyboard, mouse, sound,
 * then one QXL device per player. Main loop only.
 */
#pragma once

#include "tools/caravan-host/player.h"
#include "tools/caravan-host/port.h"
#include "tools/caravan-host/security.h"
#include "tools/caravan-host/sound.h"

#include <spice.h>

typedef struct MachineOptions {
    const char *name;
    const char *ticket;       /* NULL: no authentication */
    int compression;          /* SpiceImageCompression; 0: leave the default */
    int jpeg, zlib_glz;       /* spice_wan_compression_t; 0: leave the default */
    int streaming;            /* SPICE_STREAM_VIDEO_* */
    const char *video_codecs; /* as spice_server_set_video_codecs() takes them; NULL: leave the default */
    bool seamless;
    int audio_rate; /* Hz; 0: no sound */
    bool playback_compression;
    const char *port_device; /* name of a port that clients can connect to, NULL: none */
    Security security;
    int listen_fd; /* -1: a private machine that nobody can connect to */
} MachineOptions;

typedef struct Machine Machine;

typedef struct Device {
    QXLInstance qxl; /* first: the callbacks get this */
    Player *player;
    uint8_t *boot_memory; /* primary of a destination before its device state is loaded */
} Device;

struct Machine {
    SpiceServer *server;
    bool running;
    Device *devices;
    int n_devices;
    SpiceMigrateInstance migration;
    SpiceKbdInstance keyboard;
    SpiceMouseInstance mouse;
    Sound *sound;                   /* NULL: none */
    Port *port, *agent, *smartcard; /* NULL: none */
};

/* Callbacks from the library, in the main loop's thread (perhaps from inside a call). */
typedef struct MachineEvents {
    void (*connect_complete)(void);
    void (*end_complete)(void);
    void (*channel_event)(int event, SpiceChannelEventInfo *info);
} MachineEvents;

/* NULL if the server cannot be initialised. Devices have their memory slot and no primary; the worker is stopped. */
Machine *machine_new(const MachineOptions *options, const MachineEvents *events, Player **players, int n_players);
void machine_free(Machine *machine);

void machine_set_running(Machine *machine, bool running);

/* A primary as firmware makes it, on each device: what a migration destination shows before it is loaded. */
void machine_boot_primaries(Machine *machine);

/* Reset and load of one device, as QEMU does it: its player is drained and detached from any other device. */
void device_load(Device *device);
