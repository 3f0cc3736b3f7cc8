/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Player: feeds one recording to one QXL device.
 *
 * A thread of its own reads commands (reading makes synchronous calls into the library, so it can be neither the main
 * loop nor the worker), gives them surface ids that depend on the command order only, and puts them on two short
 * rings, from which the device's callbacks take them in the worker. Commands are numbered from 1.
 *
 * A player outlives the device that it feeds: a migration destination plays into a private device first and is then
 * pointed at the real one. It owns all guest memory: a command is freed when the library has released it and no live
 * surface or cursor needs it any more.
 *
 * Threads: player_take(), player_ring_armed() and player_release() are for the device callbacks (worker); all others
 * are for the main loop. No lock is held during a call into the library.
 */
#pragma once

#include "tools/caravan-host/recording.h"

#include <spice.h>

typedef struct Player Player;

typedef enum PlayerRing { RING_DISPLAY, RING_CURSOR, N_RINGS } PlayerRing;

typedef struct PlayerStatus {
    uint64_t fed;         /* number of the last command put on a ring */
    uint64_t fetched;     /* how many the worker took */
    uint64_t outstanding; /* taken and not released */
    uint64_t polls;       /* times that the worker found the rings empty */
    bool drained;         /* all that was fed was fetched, and the worker looked again and found nothing */
    bool reached;         /* drained, and the limit or the end of the recording was reached */
    bool ended;           /* the recording has no more commands */
} PlayerStatus;

/* `changed` is called (in any thread, no lock held) when something that was asked for may have changed. */
Player *player_new(const char *path, double pace, void (*changed)(void), GError **error);

/* The devices that knew this player must have released everything. */
void player_free(Player *player);

/* Ends the feeding thread; the device may be destroyed after that. */
void player_stop(Player *player);

/* From now on commands and device events go to `qxl`. Only while the player is drained. `paced`: by the time stamps. */
void player_attach(Player *player, QXLInstance *qxl, bool paced);

/* Play up to and with command `number`; UINT64_MAX: to the end. Never un-feeds what was fed. */
void player_set_limit(Player *player, uint64_t number);
/* Stop where it is. Returns the number of the last command fed. */
uint64_t player_pause(Player *player);
PlayerStatus player_status(Player *player);

/*
 * True if the next command makes a surface whose id the library still holds: wake the worker when it may go on.
 * `stuck`: for so long that the library should be asked for it with spice_qxl_oom(), as a guest does.
 */
bool player_blocked(Player *player, bool *stuck);

/* Calls `visit` with the primary (NULL: there is none), which stays what it is meanwhile. */
void player_with_primary(Player *player, void (*visit)(void *opaque, const PrimarySpec *primary), void *opaque);

/* The create call for the primary as it is now; false: there is none. */
bool player_primary(Player *player, bool keep_data, QXLDevSurfaceCreate *create);

/*
 * For spice_qxl_loadvm_commands: one CREATE per live surface by ascending ids, then the last cursor SET.
 * The commands are copies that share the pixels; the library releases them like any other.
 */
GArray *player_loadvm_commands(Player *player); /* of QXLCommandExt */

bool player_take(Player *player, QXLInstance *qxl, PlayerRing ring, QXLCommandExt *ext);
/* The ring's notification is wanted. False: there are commands. */
bool player_ring_armed(Player *player, QXLInstance *qxl, PlayerRing ring);
void player_release(Player *player, QXLReleaseInfoExt info);
