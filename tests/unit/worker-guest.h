/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QXL devices with guests in threads, for test-worker. A guest address is the host's address of the same byte. Each
 * command is a heap block of its own that is freed when it is released: ASan sees if it is used afterwards.
 */
#pragma once

#include <glib.h>
#include <pthread.h>
#include <spice.h>
#include <stdbool.h>

#define GUEST_WIDTH 320
#define GUEST_HEIGHT 240
#define GUEST_IMAGES 48   /* cacheable ones; all devices use the same */
#define GUEST_SURFACES 16 /* 1..7 are the guest thread's, 8.. for loads */
#define MAX_COOKIES 4096

typedef struct Guest {
    QXLInstance qxl; /* first */
    unsigned index;
    pthread_t thread;
    bool has_thread;
    gint quit;
    uint8_t *primary; /* memory of the primary surface, NULL = none */

    pthread_mutex_t lock;    /* of what follows */
    GQueue display, cursor;  /* Command */
    GHashTable *outstanding; /* blocks that were made and not yet released */
    bool notify_display, notify_cursor;
    bool stopped;   /* vm_stop has returned: no callback but releases within a call of the host */
    unsigned calls; /* the host is in calls that may release */
    uint8_t completed[MAX_COOKIES];
    uint64_t next_cookie;
    unsigned n_fetched, n_released, n_flushes;
} Guest;

Guest *guest_new(SpiceServer *server, unsigned index);
/* The device is off the server: what was not fetched is dropped, all else must have been released. */
void guest_free(Guest *guest);
void guest_start(Guest *guest); /* the thread that makes commands */
void guest_stop(Guest *guest);  /* ends it */

/* Bracket calls of the host that may release commands while the VM is stopped. */
void guest_enter(Guest *guest);
void guest_leave(Guest *guest);
void guest_set_stopped(Guest *guest, bool stopped);

void guest_create_primary(Guest *guest, bool async);
void guest_destroy_primary(Guest *guest, bool async);
/* All surfaces are gone (destroy_surfaces has returned). */
void guest_forget_primary(Guest *guest);
uint64_t guest_cookie(Guest *guest);
void guest_wait_cookie(Guest *guest, uint64_t cookie);
bool guest_cookies_are_complete(Guest *guest);
/* Loads a surface and a cursor, as after an incoming migration. */
void guest_load(Guest *guest);

/* Of the cacheable image with this id. */
uint32_t guest_image_side(uint64_t id);
uint32_t guest_image_pixel(uint64_t id, uint32_t x, uint32_t y);
bool guest_is_cacheable(uint64_t id);
