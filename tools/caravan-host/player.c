/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/caravan-host/player.h"

#include "tools/caravan-host/command.h"
#include "tools/caravan-host/surface-ids.h"

#include <string.h>

#define RING_SIZE 32         /* as in the real device */
#define REPLAY_IDS (1 << 20) /* never to run out: we choose the ids */
#define PATIENCE_MS 20       /* how long a blocked ring waits before the library is asked to release something */

struct Player {
    void (*changed)(void);
    double pace;
    SpiceReplay *replay;
    Recording *recording;
    GThread *thread;

    /* The feeding thread's own. */
    SurfaceIds ids;
    uint64_t base_time; /* recorded ns that were due at base_wall (monotonic us) */
    int64_t base_wall;

    GMutex primary_lock; /* held while the primary is made, destroyed or looked at; never taken in a worker */
    PrimarySpec primary; /* data NULL: none */

    GMutex lock;
    GCond cond; /* the feeder waits for it */
    bool waits; /* it does: signals that nobody waits for are dear, too */
    QXLInstance *qxl;
    bool paced, quit, ended, rebase;
    uint64_t limit, fed, fetched, outstanding;
    uint64_t polls, polls_at_last_fetch;
    bool asked;            /* somebody looked at the status: tell of the next empty poll (flat out: when all is fed) */
    GQueue rings[N_RINGS]; /* of Command */
    bool armed[N_RINGS];   /* the worker sleeps until it is woken */
    bool blocked;          /* the worker found a command that has to wait for its surface id */
    int64_t blocked_since; /* monotonic us */
    uint16_t destroys_held[SURFACE_ID_LIMIT]; /* DESTROY commands taken and not released, by id */
    GHashTable *live;                         /* own id -> CREATE command, in command order */
    GPtrArray *released;                      /* Commands: freed by the feeder, which has made them */
    Command *cursor;                          /* the last SET */
};

static void player_changed(Player *player)
{
    player->changed();
}

static bool rings_empty(const Player *player)
{
    return g_queue_is_empty((GQueue *)&player->rings[RING_DISPLAY]) &&
           g_queue_is_empty((GQueue *)&player->rings[RING_CURSOR]);
}

/* A CREATE has to wait while the library still holds a DESTROY of the same id. With the lock held. */
static bool must_wait(const Player *player, const Command *command)
{
    return command->kind == COMMAND_CREATE && command->surface_id < SURFACE_ID_LIMIT &&
           player->destroys_held[command->surface_id] > 0;
}

/* What can be taken from a ring now, or NULL; with the lock held. A command that must wait counts as none: its release
 * wakes the worker. */
static Command *next_command(Player *player, PlayerRing ring)
{
    Command *command = g_queue_peek_head(&player->rings[ring]);
    return command != NULL && !must_wait(player, command) ? command : NULL;
}

/* Commands are fed when their time has come, not as fast as possible. */
static bool by_time(const Player *player)
{
    return player->paced && player->pace > 0;
}

static bool is_drained(const Player *player)
{
    return rings_empty(player) && (player->fed == 0 || player->polls > player->polls_at_last_fetch);
}

/* In the feeding thread, with the lock held. `until`: monotonic us, 0 for ever. */
static void feeder_wait(Player *player, int64_t until)
{
    player->waits = true;
    if (until)
        g_cond_wait_until(&player->cond, &player->lock, until);
    else
        g_cond_wait(&player->cond, &player->lock);
    player->waits = false;
}

/* The same: wakes a worker that sleeps while there are commands. True: the lock was released meanwhile. */
static bool wake_sleeper(Player *player)
{
    bool wake = false;
    for (int i = 0; i < N_RINGS; i++) {
        if (!player->armed[i] || next_command(player, i) == NULL)
            continue;
        player->armed[i] = false;
        wake = true;
    }
    if (!wake)
        return false;
    QXLInstance *qxl = player->qxl;
    g_mutex_unlock(&player->lock);
    spice_qxl_wakeup(qxl);
    g_mutex_lock(&player->lock);
    return true;
}

/* Device events, in the feeding thread while it reads. */

static bool wait_for_empty_rings(void *opaque)
{
    Player *player = opaque;
    g_mutex_lock(&player->lock);
    while (!rings_empty(player) && !player->quit)
        if (!wake_sleeper(player))
            feeder_wait(player, 0);
    bool go_on = !player->quit;
    g_mutex_unlock(&player->lock);
    return go_on;
}

static void fill_create(const PrimarySpec *spec, bool keep_data, QXLDevSurfaceCreate *create)
{
    *create = (QXLDevSurfaceCreate){
        .width = spec->width,
        .height = spec->height,
        .stride = spec->stride,
        .format = spec->format,
        .position = spec->position,
        .mouse_mode = spec->mouse_mode,
        .flags = spec->flags | (keep_data ? QXL_SURF_FLAG_KEEP_DATA : 0),
        .type = spec->type,
        .mem = (uint64_t)(uintptr_t)spec->data,
        .group_id = 0,
    };
}

/* With primary_lock held. */
static void drop_primary(Player *player)
{
    g_clear_pointer(&player->primary.data, g_free);
}

static void create_primary(void *opaque, const PrimarySpec *spec)
{
    Player *player = opaque;
    g_mutex_lock(&player->primary_lock);
    if (player->primary.data != NULL) {
        spice_qxl_destroy_primary_surface(player->qxl, 0);
        drop_primary(player);
    }
    player->primary = *spec;
    QXLDevSurfaceCreate create;
    fill_create(spec, false, &create);
    spice_qxl_create_primary_surface(player->qxl, 0, &create);
    g_mutex_unlock(&player->primary_lock);
}

static void destroy_primary(void *opaque)
{
    Player *player = opaque;
    g_mutex_lock(&player->primary_lock);
    if (player->primary.data != NULL)
        spice_qxl_destroy_primary_surface(player->qxl, 0);
    drop_primary(player);
    g_mutex_unlock(&player->primary_lock);
}

static int compare_ids(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* Own ids of the live surfaces, ascending; with the lock held. */
static GArray *live_ids(Player *player)
{
    GArray *out = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    GHashTableIter iter;
    gpointer key;
    g_hash_table_iter_init(&iter, player->live);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        uint32_t id = GPOINTER_TO_UINT(key);
        g_array_append_val(out, id);
    }
    g_array_sort(out, compare_ids);
    return out;
}

static void destroy_surfaces(void *opaque)
{
    Player *player = opaque;
    g_mutex_lock(&player->primary_lock);
    spice_qxl_destroy_surfaces(player->qxl);
    drop_primary(player);
    g_mutex_unlock(&player->primary_lock);
    g_mutex_lock(&player->lock);
    g_autoptr(GArray) ids = live_ids(player);
    surface_ids_destroy_all(&player->ids, (const uint32_t *)ids->data, ids->len);
    GHashTable *old = player->live;
    player->live = g_hash_table_new_full(NULL, NULL, NULL, command_unref);
    g_mutex_unlock(&player->lock);
    g_hash_table_unref(old);
}

static const RecordingEvents device_events = {
    .before = wait_for_empty_rings,
    .create_primary = create_primary,
    .destroy_primary = destroy_primary,
    .destroy_surfaces = destroy_surfaces,
};

/* The feeding thread */

/* What the guest's driver would remember. With the lock held; returns a command to be dropped without it. */
static Command *track(Player *player, Command *command)
{
    Command *old = NULL;
    uint32_t id = command->surface_id;
    gpointer key = GUINT_TO_POINTER(id);
    if (command->kind == COMMAND_CREATE) {
        g_hash_table_insert(player->live, key, command_ref(command));
    } else if (command->kind == COMMAND_DESTROY) {
        g_hash_table_steal_extended(player->live, key, NULL, (gpointer *)&old);
    } else if (command->kind == COMMAND_CURSOR_SET) {
        old = player->cursor;
        player->cursor = command_ref(command);
    }
    return old;
}

/* Waits until command fed + 1 may be read. With the lock held. False: the end. */
static bool wait_for_limit(Player *player)
{
    while (!player->quit && player->fed >= player->limit) {
        player->rebase = true;
        if (!wake_sleeper(player))
            feeder_wait(player, 0);
    }
    return !player->quit;
}

/* Waits until a command that was read may be fed: ring space, limit and time. With the lock held. False: the end. */
static bool wait_for_turn(Player *player, PlayerRing ring, uint64_t time_ns)
{
    static const double us_per_ns = 1e-3;
    for (;;) {
        if (!wait_for_limit(player))
            return false;
        if (g_queue_get_length(&player->rings[ring]) >= RING_SIZE) {
            feeder_wait(player, 0);
            continue;
        }
        if (!by_time(player) || time_ns == 0)
            return true;
        int64_t now = g_get_monotonic_time();
        if (player->rebase || time_ns < player->base_time) {
            player->rebase = false;
            player->base_time = time_ns;
            player->base_wall = now;
        }
        int64_t due = player->base_wall + (int64_t)((double)(time_ns - player->base_time) * us_per_ns / player->pace);
        if (now >= due)
            return true;
        feeder_wait(player, due);
    }
}

static bool feed(Player *player, QXLCommandExt *ext)
{
    Command *command = command_new(player->replay, ext, &player->ids);
    PlayerRing ring = ext->cmd.type == QXL_CMD_CURSOR ? RING_CURSOR : RING_DISPLAY;
    uint64_t time_ns = recording_pop_time(player->recording);
    g_mutex_lock(&player->lock);
    if (!wait_for_turn(player, ring, time_ns)) {
        g_mutex_unlock(&player->lock);
        command_unref(command);
        return false;
    }
    player->fed++;
    Command *old = track(player, command);
    bool wake = false;
    QXLInstance *qxl = player->qxl;
    if (ext->cmd.data == 0) {
        player->fetched++; /* nothing to hand out */
    } else {
        g_queue_push_tail(&player->rings[ring], command);
        /* Flat out the worker is told of half a ring, or when no more come: so a few commands are always taken
         * together. In between it looks by itself from time to time. */
        wake = by_time(player) ? player->armed[ring] : g_queue_get_length(&player->rings[ring]) == RING_SIZE / 2;
        if (wake)
            player->armed[ring] = false;
        command = NULL;
    }
    g_mutex_unlock(&player->lock);
    command_unref(command);
    command_unref(old);
    if (wake)
        spice_qxl_wakeup(qxl);
    return true;
}

static gpointer feeder_main(gpointer opaque)
{
    Player *player = opaque;
    g_autoptr(GPtrArray) spare = g_ptr_array_new_with_free_func(command_unref);
    for (;;) {
        g_mutex_lock(&player->lock);
        bool go_on = wait_for_limit(player);
        QXLInstance *qxl = player->qxl;
        GPtrArray *released = player->released;
        player->released = spare;
        g_mutex_unlock(&player->lock);
        spare = released;
        g_ptr_array_set_size(spare, 0);
        if (!go_on)
            break;
        QXLCommandExt *ext = spice_replay_next_cmd(player->replay, qxl);
        if (ext == NULL || !feed(player, ext))
            break;
    }
    g_mutex_lock(&player->lock);
    player->ended = true;
    wake_sleeper(player);
    g_mutex_unlock(&player->lock);
    player_changed(player);
    return NULL;
}

/* Main loop */

Player *player_new(const char *path, double pace, void (*changed)(void), GError **error)
{
    Player *player = g_new0(Player, 1);
    player->changed = changed;
    player->pace = pace;
    FILE *stream = recording_open(path, &device_events, player, &player->recording, error);
    if (stream == NULL) {
        g_free(player);
        return NULL;
    }
    player->replay = spice_replay_new(stream, REPLAY_IDS);
    if (player->replay == NULL) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s: not a recording", path);
        fclose(stream);
        g_free(player);
        return NULL;
    }
    surface_ids_init(&player->ids);
    g_mutex_init(&player->lock);
    g_mutex_init(&player->primary_lock);
    g_cond_init(&player->cond);
    player->live = g_hash_table_new_full(NULL, NULL, NULL, command_unref);
    for (int i = 0; i < N_RINGS; i++)
        g_queue_init(&player->rings[i]);
    player->released = g_ptr_array_new_with_free_func(command_unref);
    player->thread = g_thread_new("feeder", feeder_main, player);
    return player;
}

void player_stop(Player *player)
{
    if (player->thread == NULL)
        return;
    g_mutex_lock(&player->lock);
    player->quit = true;
    g_cond_broadcast(&player->cond);
    g_mutex_unlock(&player->lock);
    g_thread_join(player->thread);
    player->thread = NULL;
}

void player_free(Player *player)
{
    player_stop(player);
    for (int i = 0; i < N_RINGS; i++)
        g_queue_clear_full(&player->rings[i], command_unref);
    g_ptr_array_unref(player->released);
    g_hash_table_unref(player->live);
    command_unref(player->cursor);
    spice_replay_free(player->replay);
    drop_primary(player);
    surface_ids_clear(&player->ids);
    g_mutex_clear(&player->lock);
    g_mutex_clear(&player->primary_lock);
    g_cond_clear(&player->cond);
    g_free(player);
}

void player_attach(Player *player, QXLInstance *qxl, bool paced)
{
    g_mutex_lock(&player->lock);
    player->qxl = qxl;
    player->paced = paced;
    player->rebase = true;
    g_cond_broadcast(&player->cond);
    g_mutex_unlock(&player->lock);
}

void player_set_limit(Player *player, uint64_t number)
{
    g_mutex_lock(&player->lock);
    player->limit = MAX(number, player->fed);
    g_cond_broadcast(&player->cond);
    g_mutex_unlock(&player->lock);
}

uint64_t player_pause(Player *player)
{
    g_mutex_lock(&player->lock);
    uint64_t fed = player->limit = player->fed;
    g_mutex_unlock(&player->lock);
    return fed;
}

PlayerStatus player_status(Player *player)
{
    g_mutex_lock(&player->lock);
    bool drained = is_drained(player);
    PlayerStatus status = {
        .fed = player->fed,
        .fetched = player->fetched,
        .outstanding = player->outstanding,
        .polls = player->polls,
        .drained = drained,
        .reached = drained && (player->ended || player->fed >= player->limit),
        .ended = player->ended,
    };
    player->asked = true;
    g_mutex_unlock(&player->lock);
    return status;
}

bool player_blocked(Player *player, bool *stuck)
{
    g_mutex_lock(&player->lock);
    bool blocked = player->blocked;
    *stuck = blocked && g_get_monotonic_time() - player->blocked_since > PATIENCE_MS * 1000;
    g_mutex_unlock(&player->lock);
    return blocked;
}

void player_with_primary(Player *player, void (*visit)(void *opaque, const PrimarySpec *primary), void *opaque)
{
    g_mutex_lock(&player->primary_lock);
    visit(opaque, player->primary.data != NULL ? &player->primary : NULL);
    g_mutex_unlock(&player->primary_lock);
}

bool player_primary(Player *player, bool keep_data, QXLDevSurfaceCreate *create)
{
    g_mutex_lock(&player->primary_lock);
    bool there = player->primary.data != NULL;
    if (there)
        fill_create(&player->primary, keep_data, create);
    g_mutex_unlock(&player->primary_lock);
    return there;
}

GArray *player_loadvm_commands(Player *player)
{
    GArray *out = g_array_new(FALSE, TRUE, sizeof(QXLCommandExt));
    g_mutex_lock(&player->lock);
    g_autoptr(GArray) ids = live_ids(player);
    for (unsigned i = 0; i < ids->len; i++) {
        Command *create = g_hash_table_lookup(player->live, GUINT_TO_POINTER(g_array_index(ids, uint32_t, i)));
        g_array_append_val(out, command_copy(create)->ext);
    }
    if (player->cursor != NULL)
        g_array_append_val(out, command_copy(player->cursor)->ext);
    player->outstanding += out->len;
    g_mutex_unlock(&player->lock);
    return out;
}

/* Device callbacks */

bool player_take(Player *player, QXLInstance *qxl, PlayerRing ring, QXLCommandExt *ext)
{
    bool changed = false;
    g_mutex_lock(&player->lock);
    if (player->qxl != qxl) {
        g_mutex_unlock(&player->lock);
        return false;
    }
    Command *command = g_queue_peek_head(&player->rings[ring]);
    if (command == NULL || must_wait(player, command)) {
        if (command != NULL && !player->blocked) {
            changed = player->blocked = true;
            player->blocked_since = g_get_monotonic_time();
        }
        /* The worker polls the cursor ring first, so an empty display ring ends a round. */
        if (ring == RING_DISPLAY && rings_empty(player)) {
            player->polls++;
            if (player->asked && (by_time(player) || player->ended || player->fed >= player->limit)) {
                changed = true;
                player->asked = false;
            }
        }
        command = NULL;
    } else {
        g_queue_pop_head(&player->rings[ring]);
        if (command->kind == COMMAND_DESTROY && command->surface_id < SURFACE_ID_LIMIT)
            player->destroys_held[command->surface_id]++;
        *ext = command->ext;
        player->fetched++;
        player->outstanding++;
        player->blocked = false;
        player->polls_at_last_fetch = player->polls;
        /* A feeder that found the ring full goes on when half of it is free: waking it for each command is dear. It may
         * also wait for the ring to be empty. */
        unsigned left = g_queue_get_length(&player->rings[ring]);
        if (player->waits && (left == RING_SIZE / 2 || left == 0)) {
            player->waits = false;
            g_cond_broadcast(&player->cond);
        }
    }
    g_mutex_unlock(&player->lock);
    if (changed)
        player_changed(player);
    return command != NULL;
}

bool player_ring_armed(Player *player, QXLInstance *qxl, PlayerRing ring)
{
    g_mutex_lock(&player->lock);
    bool armed = player->qxl != qxl || next_command(player, ring) == NULL;
    if (player->qxl == qxl)
        player->armed[ring] = armed;
    g_mutex_unlock(&player->lock);
    return armed;
}

void player_release(Player *player, QXLReleaseInfoExt info)
{
    Command *command = command_from_release(info);
    if (command == NULL)
        return;
    bool changed = false;
    g_mutex_lock(&player->lock);
    player->outstanding--;
    if (command->kind == COMMAND_DESTROY && command->surface_id < SURFACE_ID_LIMIT) {
        player->destroys_held[command->surface_id]--;
        changed = player->blocked;
    }
    g_ptr_array_add(player->released, command);
    g_mutex_unlock(&player->lock);
    if (changed)
        player_changed(player); /* the main loop wakes the worker */
}
