/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/lib/tap/session.h"

#include "tests/lib/tap/link.h"
#include "tests/lib/tap/stats.h"

#include <spice/enums.h>

#define MAX_STEPS 1000000             /* queued on one link, before waits are given up */
#define MAX_WAIT (2 * G_USEC_PER_SEC) /* for an image that another channel may bring */

static void session_run(TapSession *session);

static void channel_free(gpointer data)
{
    TapChannel *ch = data;

    for (GList *l = ch->links.head; l; l = l->next)
        ((TapLink *)l->data)->channel = NULL;
    g_queue_clear(&ch->links);
    g_hash_table_destroy(ch->surfaces);
    if (ch->blob)
        g_bytes_unref(ch->blob);
    g_free(ch);
}

static TapSession *session_new(Tap *tap, guint32 id)
{
    TapSession *s = g_new0(TapSession, 1);

    s->tap = tap;
    s->id = id;
    s->channels = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, channel_free);
    image_cache_init(&s->cache);
    g_ptr_array_add(tap->sessions, s);
    return s;
}

void session_free(TapSession *session)
{
    g_hash_table_destroy(session->channels);
    image_cache_free(&session->cache);
    g_free(session);
}

/* The newest one: a server may give an id twice, to one session after the other. */
static TapSession *session_find(Tap *tap, guint32 id)
{
    for (guint i = tap->sessions->len; id && i-- > 0;) {
        TapSession *s = tap->sessions->pdata[i];

        if (s->id == id)
            return s;
    }
    return NULL;
}

TapChannel *session_channel(TapSession *session, guint8 type, guint8 id)
{
    return g_hash_table_lookup(session->channels, GUINT_TO_POINTER((guint)type << 8 | id));
}

void session_attach(Tap *tap, TapLink *link, guint32 connection_id)
{
    TapSession *s = session_find(tap, connection_id);
    TapChannel *ch;

    if (!s)
        s = session_new(tap, connection_id);
    ch = session_channel(s, link->type, link->id);
    if (!ch) {
        ch = g_new0(TapChannel, 1);
        ch->session = s;
        ch->type = link->type;
        ch->id = link->id;
        g_queue_init(&ch->links);
        ch->surfaces = g_hash_table_new(g_direct_hash, g_direct_equal);
        g_hash_table_insert(s->channels, GUINT_TO_POINTER((guint)link->type << 8 | link->id), ch);
    }
    link->channel = ch;
    link->target = !g_queue_is_empty(&ch->links);
    g_queue_push_tail(&ch->links, link);
}

void session_set_id(TapSession *session, guint32 id)
{
    session->id = id;
}

static void drop_steps(TapLink *link)
{
    g_queue_clear_full(&link->steps, g_free);
    link->blocked = false;
    link->missed = NULL;
}

/* The head link is left by the client. */
static void next_hop(TapChannel *ch)
{
    TapLink *link = g_queue_pop_head(&ch->links);

    ch->hops++;
    if (link) {
        drop_steps(link);
        link->channel = NULL;
    }
}

void session_semi_switch(TapSession *session)
{
    GHashTableIter it;
    TapChannel *ch;

    session->switches++;
    image_cache_clear(&session->cache);
    g_hash_table_iter_init(&it, session->channels);
    while (g_hash_table_iter_next(&it, NULL, (gpointer *)&ch)) {
        TapLink *next = g_queue_peek_tail(&ch->links);

        while (ch->links.length > 1)
            next_hop(ch);
        ch->done = 0;
        g_hash_table_remove_all(ch->surfaces);
        if (next)
            next->target = false;
    }
    session_run(session);
}

void session_detach(TapLink *link)
{
    TapChannel *ch = link->channel;

    if (!ch) {
        drop_steps(link);
        return;
    }
    if (link->blocked && !link->missed) {
        ModelStep *w = g_queue_peek_head(&link->steps);

        stats_violation(link->tap, "wait-unfulfilled", ch->type, ch->id, ch->done + 1,
                        "closed while it waits for channel %u:%u serial %" G_GUINT64_FORMAT, w->type, w->channel,
                        w->id);
    }
    if (g_queue_peek_head(&ch->links) == link) {
        next_hop(ch);
        session_run(ch->session);
    } else {
        drop_steps(link);
        g_queue_remove(&ch->links, link);
        link->channel = NULL;
    }
}

/* True: go on. */
static bool wait_fulfilled(TapLink *link, const ModelStep *w)
{
    TapChannel *ch = link->channel;
    TapChannel *other = session_channel(ch->session, w->type, w->channel);

    if (!other || (other == ch && w->id > ch->done)) {
        stats_violation(link->tap, other ? "wait-self" : "wait-channel", ch->type, ch->id, ch->done + 1,
                        "waits for channel %u:%u serial %" G_GUINT64_FORMAT, w->type, w->channel, w->id);
        return true;
    }
    return w->id <= other->done;
}

static bool alone(TapChannel *ch)
{
    GHashTableIter it;
    TapChannel *other;

    g_hash_table_iter_init(&it, ch->session->channels);
    while (g_hash_table_iter_next(&it, NULL, (gpointer *)&other))
        if (other != ch && other->type == ch->type)
            return false;
    return true;
}

/*
 * The client waits for an image that it does not hold, since another channel may bring it. False: it has to wait. If
 * there is no other channel it stalls; the model only counts that.
 */
static bool refer(TapLink *link, const ModelStep *step)
{
    ImageCache *cache = &link->channel->session->cache;

    if (image_cache_holds(cache, step->id) || alone(link->channel)) {
        if (link->missed) {
            link->missed->missing--;
            link->missed->late++;
            link->missed = NULL;
        }
        image_cache_step(cache, step, link_counters(link));
        return true;
    }
    if (!link->missed) {
        link->missed = link_counters(link);
        link->missed->missing++;
    }
    return false;
}

static void surface_step(TapLink *link, const ModelStep *step)
{
    TapChannel *ch = link->channel;
    gpointer key = GSIZE_TO_POINTER((gsize)step->id);
    bool known = g_hash_table_contains(ch->surfaces, key);
    bool create = step->kind == MODEL_SURFACE_CREATE;

    if (known == create)
        stats_violation(link->tap, create ? "surface-twice" : "surface-unknown", ch->type, ch->id, ch->done + 1,
                        "surface %" G_GUINT64_FORMAT "%s", step->id,
                        create                                ? " is created again"
                        : step->kind == MODEL_SURFACE_DESTROY ? " is destroyed"
                                                              : " is used");
    if (create)
        g_hash_table_add(ch->surfaces, key);
    else if (step->kind == MODEL_SURFACE_DESTROY)
        g_hash_table_remove(ch->surfaces, key);
}

/* Runs one step of the head link of a channel. False: it has to wait. */
static bool run_step(TapLink *link, const ModelStep *step)
{
    TapChannel *ch = link->channel;
    TapSession *s = ch->session;

    switch (step->kind) {
    case MODEL_DONE:
        ch->done = step->id ? step->id : ch->done + 1;
        return true;
    case MODEL_FINISH:
        next_hop(ch);
        return true;
    case MODEL_WAIT:
        return wait_fulfilled(link, step);
    case MODEL_REF:
        return refer(link, step);
    case MODEL_SURFACE_CREATE:
    case MODEL_SURFACE_DESTROY:
    case MODEL_SURFACE_USE:
        surface_step(link, step);
        return true;
    default:
        image_cache_step(&s->cache, step, link_counters(link));
        s->cache_peak = MAX(s->cache_peak, s->cache.pixels);
        return true;
    }
}

static void set_blocked(TapLink *link)
{
    if (!link->blocked)
        link->blocked_since = g_get_monotonic_time();
    link->blocked = true;
}

/* Runs the queued steps of a channel as far as possible. True: something was done. */
static bool channel_run(TapChannel *ch)
{
    bool done = false;
    TapLink *link;

    while ((link = g_queue_peek_head(&ch->links)) != NULL && !g_queue_is_empty(&link->steps)) {
        ModelStep copy = *(ModelStep *)g_queue_peek_head(&link->steps);

        if (!run_step(link, &copy)) {
            set_blocked(link);
            break;
        }
        link->blocked = false;
        done = true;
        if (link->channel) /* it may have finished, with its steps dropped */
            g_free(g_queue_pop_head(&link->steps));
    }
    return done;
}

static void session_run(TapSession *session)
{
    bool again = true;

    while (again) {
        GHashTableIter it;
        TapChannel *ch;

        again = false;
        g_hash_table_iter_init(&it, session->channels);
        while (g_hash_table_iter_next(&it, NULL, (gpointer *)&ch))
            again |= channel_run(ch);
    }
}

static void give_up_waiting(TapLink *link)
{
    ModelStep *w = g_queue_pop_head(&link->steps);

    if (w->kind == MODEL_WAIT)
        stats_violation(link->tap, "wait-unfulfilled", link->type, link->id, link->channel->done + 1,
                        "waits too long for channel %u:%u serial %" G_GUINT64_FORMAT, w->type, w->channel, w->id);
    g_free(w);
    link->blocked = false;
    link->missed = NULL;
    session_run(link->channel->session);
}

TapSession *session_settle(TapSession *session)
{
    GHashTableIter it;
    TapChannel *ch;

    g_hash_table_iter_init(&it, session->channels);
    while (g_hash_table_iter_next(&it, NULL, (gpointer *)&ch)) {
        TapLink *link;

        while ((link = g_queue_peek_head(&ch->links)) != NULL && link->missed &&
               g_get_monotonic_time() - link->blocked_since > MAX_WAIT)
            give_up_waiting(link);
    }
    return session;
}

void session_step(TapLink *link, const ModelStep *step)
{
    TapChannel *ch = link->channel;

    if (!ch)
        return;
    if (g_queue_peek_head(&ch->links) == link && g_queue_is_empty(&link->steps)) {
        TapSession *s = ch->session;

        if (run_step(link, step)) {
            if (step->kind == MODEL_DONE || step->kind == MODEL_FINISH)
                session_run(s);
            return;
        }
        set_blocked(link);
    }
    g_queue_push_tail(&link->steps, g_memdup2(step, sizeof *step));
    if (link->blocked &&
        (link->steps.length > MAX_STEPS || (link->missed && g_get_monotonic_time() - link->blocked_since > MAX_WAIT)))
        give_up_waiting(link);
}

void session_link_finished(TapLink *link)
{
    session_step(link, &(ModelStep){.kind = MODEL_FINISH});
}
