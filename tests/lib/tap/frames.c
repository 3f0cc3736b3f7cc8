/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/lib/tap/frames.h"

#include "common/wire/reader.h"
#include "tests/lib/client/say.h"
#include "tests/lib/tap/display.h"
#include "tests/lib/tap/session.h"
#include "tests/lib/tap/stats.h"

#include <spice/enums.h>
#include <spice/protocol.h>
#include <string.h>

#define MAX_LINK_BODY 65536
#define MAX_KEPT (256u << 20) /* larger bodies are only counted */
#define MAX_SMALL 65536       /* of channels other than display */
#define TICKET_SIZE 128

static void stage_set(Flow *f, FlowStage stage, gsize want)
{
    f->stage = stage;
    f->want = want;
    f->keep = true;
    f->hold = stage == FLOW_DATA_HEADER;
    g_byte_array_set_size(f->part, 0);
}

void frames_init(Flow *f, TapLink *link, TapSide side)
{
    f->link = link;
    f->side = side;
    f->pending = g_byte_array_new();
    f->part = g_byte_array_new();
    stage_set(f, FLOW_LINK_HEADER, 16);
}

void frames_clear(Flow *f)
{
    g_byte_array_unref(f->pending);
    g_byte_array_unref(f->part);
}

static void next_header(Flow *f)
{
    stage_set(f, FLOW_DATA_HEADER, f->link->mini ? 6 : 18);
}

/* ---- link stage ---- */

static guint32 first_common_cap(const guint8 *body, gsize size, guint32 count, guint32 offset)
{
    WireReader r = wire_reader(body, size);

    r = wire_reader_at(&r, offset);
    return count ? wire_read_u32(&r) : 0;
}

static void link_message(Flow *f)
{
    TapLink *link = f->link;
    WireReader r = wire_reader(f->part->data, f->part->len);
    guint32 connection_id = wire_read_u32(&r), common, offset;
    guint8 type = wire_read_u8(&r), id = wire_read_u8(&r);

    common = wire_read_u32(&r);
    wire_read_u32(&r);
    offset = wire_read_u32(&r);
    if (!wire_reader_ok(&r)) {
        stage_set(f, FLOW_OPAQUE, 0);
        return;
    }
    link->client_caps = first_common_cap(f->part->data, f->part->len, common, offset);
    link->type = type;
    link->id = id;
    session_attach(link->tap, link, connection_id);
    say("event", "link", "route", 'u', link->route->index, "type", 'u', (guint)type, "id", 'u', (guint)id, "hop", 'u',
        link->channel->hops + link->channel->links.length - 1, NULL);
    stage_set(f, FLOW_AUTH, link->client_caps >> SPICE_COMMON_CAP_PROTOCOL_AUTH_SELECTION & 1 ? 4 : TICKET_SIZE);
}

static void link_reply(Flow *f)
{
    TapLink *link = f->link;
    WireReader r = wire_reader(f->part->data, f->part->len);
    guint32 error = wire_read_u32(&r), common, offset;

    wire_read_bytes(&r, SPICE_TICKET_PUBKEY_BYTES);
    common = wire_read_u32(&r);
    wire_read_u32(&r);
    offset = wire_read_u32(&r);
    if (error || !wire_reader_ok(&r)) {
        say("event", "refused", "route", 'u', link->route->index, "type", 'u', (guint)link->type, "error", 'u', error,
            NULL);
        stage_set(f, FLOW_OPAQUE, 0);
        return;
    }
    link->server_caps = first_common_cap(f->part->data, f->part->len, common, offset);
    link->mini = (link->client_caps & link->server_caps) >> SPICE_COMMON_CAP_MINI_HEADER & 1;
    stage_set(f, FLOW_RESULT, 4);
}

static void link_result(Flow *f)
{
    TapLink *link = f->link;
    WireReader r = wire_reader(f->part->data, f->part->len);
    guint32 error = wire_read_u32(&r);

    if (error) {
        say("event", "refused", "route", 'u', link->route->index, "type", 'u', (guint)link->type, "error", 'u', error,
            NULL);
        stage_set(f, FLOW_OPAQUE, 0);
        return;
    }
    next_header(f);
}

static void link_auth(Flow *f)
{
    WireReader r = wire_reader(f->part->data, f->part->len);
    guint32 mechanism = f->part->len == 4 ? wire_read_u32(&r) : 0;

    if (f->part->len == TICKET_SIZE) {
        next_header(f);
    } else if (mechanism == SPICE_COMMON_CAP_AUTH_SPICE) {
        stage_set(f, FLOW_AUTH, TICKET_SIZE);
    } else {
        stage_set(f, FLOW_OPAQUE, 0);
        stage_set(&f->link->flow[TAP_SERVER], FLOW_OPAQUE, 0);
    }
}

static void link_header(Flow *f)
{
    WireReader r = wire_reader(f->part->data, f->part->len);
    guint32 magic = wire_read_u32(&r), size;

    wire_read_u64(&r);
    size = wire_read_u32(&r);
    if (magic != SPICE_MAGIC || size == 0 || size > MAX_LINK_BODY)
        stage_set(f, FLOW_OPAQUE, 0);
    else
        stage_set(f, FLOW_LINK_BODY, size);
}

/* ---- tampering ---- */

static TapTamper *tamper_find(TapLink *link, bool holds)
{
    for (guint i = 0; i < link->tap->tampers->len; i++) {
        TapTamper *t = link->tap->tampers->pdata[i];

        if (t->type == link->type && t->id == link->id && (t->what == TAP_HOLD) == holds)
            return t;
    }
    return NULL;
}

static void delay_if_wanted(Flow *f)
{
    TapTamper *t = tamper_find(f->link, true);

    if (!t)
        return;
    say("event", "held", "type", 'u', (guint)t->type, "id", 'u', (guint)t->id, "ms", 'u', t->size, NULL);
    flow_delay(f, t->size);
    g_ptr_array_remove(f->link->tap->tampers, t);
}

/* Emits the held message, changed. */
static void tamper_apply(Flow *f, const guint8 *body, gsize size)
{
    TapTamper *t = tamper_find(f->link, false);
    gsize extra_size = 0, kept = size;
    const guint8 *extra = NULL;
    guint32 total;

    say("event", "tampered", "type", 'u', (guint)f->link->type, "id", 'u', (guint)f->link->id, "size", 'u', (guint)size,
        NULL);
    if (t->bytes)
        extra = g_bytes_get_data(t->bytes, &extra_size);
    if (t->what == TAP_TRUNCATE)
        kept = MIN(t->size, size);
    else if (t->what == TAP_REPLACE)
        kept = 0;
    if (t->what != TAP_DROP) {
        total = GUINT32_TO_LE((guint32)(kept + extra_size));
        memcpy(f->header + (f->link->mini ? 2 : 10), &total, 4);
        flow_emit(f, f->header, f->header_size);
        flow_emit(f, body, kept);
        flow_emit(f, extra, extra_size);
    }
    g_ptr_array_remove(f->link->tap->tampers, t);
}

/* ---- messages ---- */

static void data_from_server(Flow *f, const guint8 *body, gsize size)
{
    TapLink *link = f->link;
    TapChannel *ch = link->channel;
    TapSaved *saved;

    link->data_seen = true;
    if (!link->migrate_seen)
        stats_violation(link->tap, "migrate-data", link->type, link->id, 0, "MIGRATE_DATA without MIGRATE");
    if (!ch)
        return;
    saved = g_new0(TapSaved, 1);
    saved->type = link->type;
    saved->id = link->id;
    saved->hop = ch->migrate_datas++;
    saved->body = g_bytes_new(body, size);
    g_ptr_array_add(link->tap->saved, saved);
    if (ch->blob)
        g_bytes_unref(ch->blob);
    ch->blob = g_bytes_ref(saved->body);
    say("event", "migrate-data", "type", 'u', (guint)link->type, "id", 'u', (guint)link->id, "hop", 'u', saved->hop,
        "size", 'u', (guint)size, NULL);
}

static void common_from_server(Flow *f, const guint8 *body, gsize size)
{
    TapLink *link = f->link;
    WireReader r = wire_reader(body, size);

    if (f->type == SPICE_MSG_MIGRATE) {
        link->migrate_flags = wire_read_u32(&r);
        link->migrate_seen = true;
    } else if (f->type == SPICE_MSG_MIGRATE_DATA) {
        data_from_server(f, body, size);
    } else if (link->type == SPICE_CHANNEL_MAIN && f->type == SPICE_MSG_MAIN_INIT && link->channel) {
        guint32 id = wire_read_u32(&r);

        if (!wire_reader_ok(&r))
            link_counters(link)->malformed++;
        else if (!link->channel->session->id)
            session_set_id(link->channel->session, id);
    }
}

/* WAIT_FOR_CHANNELS, and what only a display channel has. `typed`: the size that the sender gives it, to compare. */
static void one_message(Flow *f, guint16 type, const guint8 *body, gsize size)
{
    TapLink *link = f->link;
    bool ok = true;

    if (type == SPICE_MSG_WAIT_FOR_CHANNELS)
        ok = display_waits(link, body, size);
    else if (link->type == SPICE_CHANNEL_DISPLAY && type > SPICE_MSG_BASE_LAST)
        ok = display_message(link, type, body, size);
    if (!ok)
        link_counters(link)->malformed++;
}

/* The bytes that a sub-message of these types must have, or `size` if they have no count. */
static gsize true_size(guint16 type, const guint8 *body, gsize size)
{
    WireReader r = wire_reader(body, size);

    if (type == SPICE_MSG_WAIT_FOR_CHANNELS)
        return 1 + 10u * wire_read_u8(&r);
    if (type == SPICE_MSG_DISPLAY_INVAL_LIST)
        return 2 + 9u * wire_read_u16(&r);
    return size;
}

static void sub_messages(Flow *f, const guint8 *body, gsize size, guint32 list)
{
    TapLink *link = f->link;
    WireReader all = wire_reader(body, size), r = wire_reader_at(&all, list);
    guint16 count = wire_read_u16(&r);

    for (guint i = 0; i < count; i++) {
        WireReader sub = wire_reader_at(&all, wire_read_u32(&r));
        guint16 type = wire_read_u16(&sub);
        guint32 told = wire_read_u32(&sub);
        gsize left = wire_reader_left(&sub), real;
        const guint8 *data = wire_read_bytes(&sub, MIN(told, left));

        if (!wire_reader_ok(&r) || !wire_reader_ok(&sub)) {
            link_counters(link)->malformed++;
            return;
        }
        real = true_size(type, data, MIN(told, left));
        if (told != real)
            stats_violation(link->tap, "sub-size", link->type, link->id, 0, "sub-message %u says %u bytes, but has %u",
                            type, told, (guint)real);
        one_message(f, type, data, MIN(told, left));
    }
}

/* The rules around a migration that concern any message. */
static void check_order(Flow *f)
{
    TapLink *link = f->link;

    if (link->data_seen || (link->migrate_seen && (!(link->migrate_flags & SPICE_MIGRATE_NEED_DATA_TRANSFER) ||
                                                   f->type != SPICE_MSG_MIGRATE_DATA)))
        stats_violation(link->tap, "after-migrate", link->type, link->id, 0, "message %u after %s", f->type,
                        link->data_seen ? "MIGRATE_DATA" : "MIGRATE");
    if (link->target && !link->data_in && link->type == SPICE_CHANNEL_DISPLAY)
        stats_violation(link->tap, "early-display", link->type, link->id, 0,
                        "message %u of a target before MIGRATE_DATA arrived", f->type);
}

static void from_server(Flow *f, const guint8 *body, gsize size, bool whole)
{
    TapLink *link = f->link;
    TapSession *session = link->channel ? link->channel->session : NULL;

    check_order(f);
    if (whole) {
        if (f->sub_list)
            sub_messages(f, body, size, f->sub_list);
        if (f->type == SPICE_MSG_LIST)
            sub_messages(f, body, size, 0);
        one_message(f, f->type, body, size);
        common_from_server(f, body, size);
    }
    session_step(link, &(ModelStep){.kind = MODEL_DONE, .id = f->serial});
    if (link->channel &&
        (link->data_seen || (link->migrate_seen && !(link->migrate_flags & SPICE_MIGRATE_NEED_DATA_TRANSFER))))
        session_link_finished(link);
    if (session && link->type == SPICE_CHANNEL_MAIN && f->type == SPICE_MSG_MAIN_MIGRATE_END)
        session_semi_switch(session);
}

static void from_client(Flow *f, const guint8 *body, gsize size, bool whole)
{
    TapLink *link = f->link;
    TapChannel *ch = link->channel;
    WireReader r = wire_reader(body, size);

    if (f->type == SPICE_MSGC_MIGRATE_DATA) {
        link->data_in = !f->delay;
        if (ch && whole &&
            (!ch->blob || g_bytes_get_size(ch->blob) != size ||
             memcmp(g_bytes_get_data(ch->blob, NULL), body, size) != 0))
            stats_violation(link->tap, "echo", link->type, link->id, 0, "the client changed the data of the migration");
    } else if (ch && link->type == SPICE_CHANNEL_DISPLAY && f->type == SPICE_MSGC_DISPLAY_INIT) {
        wire_read_u8(&r);
        ch->session->cache_size = wire_read_u64(&r);
        wire_read_u8(&r);
        ch->session->glz_window = wire_read_i32(&r);
        if (!wire_reader_ok(&r))
            link_counters(link)->malformed++;
    }
}

static void message_done(Flow *f, const guint8 *body, gsize size, bool whole)
{
    if (f->hold) /* before the frame is looked at: a link may go away with its tampers */
        tamper_apply(f, body, size);
    stats_count(link_counters(f->link), f->side, f->type, f->header_size + f->size);
    if (f->side == TAP_SERVER)
        from_server(f, body, size, whole);
    else
        from_client(f, body, size, whole);
    next_header(f);
}

static bool wanted(const Flow *f)
{
    if (f->size > MAX_KEPT)
        return false;
    if (f->type == SPICE_MSG_MIGRATE_DATA || f->type == SPICE_MSGC_MIGRATE_DATA)
        return true;
    if (f->side == TAP_CLIENT)
        return f->link->type == SPICE_CHANNEL_DISPLAY && f->size <= MAX_SMALL;
    if (f->link->type == SPICE_CHANNEL_DISPLAY)
        return f->type != SPICE_MSG_DISPLAY_STREAM_DATA && f->type != SPICE_MSG_PING;
    return f->size <= MAX_SMALL;
}

static void data_header(Flow *f)
{
    WireReader r = wire_reader(f->part->data, f->part->len);

    memcpy(f->header, f->part->data, f->part->len);
    f->header_size = f->part->len;
    f->serial = f->link->mini ? 0 : wire_read_u64(&r);
    f->type = wire_read_u16(&r);
    f->size = wire_read_u32(&r);
    f->sub_list = f->link->mini ? 0 : wire_read_u32(&r);
    stage_set(f, FLOW_DATA_BODY, f->size);
    f->keep = wanted(f);
    f->hold = f->side == TAP_CLIENT && f->type == SPICE_MSGC_MIGRATE_DATA && f->keep && tamper_find(f->link, false);
    if (f->side == TAP_CLIENT && f->type == SPICE_MSGC_MIGRATE_DATA)
        delay_if_wanted(f);
    if (!f->hold)
        flow_emit(f, f->header, f->header_size);
    if (f->size == 0)
        message_done(f, f->header, 0, true);
}

static void stage_done(Flow *f)
{
    switch (f->stage) {
    case FLOW_LINK_HEADER:
        link_header(f);
        break;
    case FLOW_LINK_BODY:
        if (f->side == TAP_CLIENT)
            link_message(f);
        else
            link_reply(f);
        break;
    case FLOW_AUTH:
        link_auth(f);
        break;
    case FLOW_RESULT:
        link_result(f);
        break;
    case FLOW_DATA_HEADER:
        data_header(f);
        break;
    default:
        message_done(f, f->part->data, f->part->len, f->keep);
        break;
    }
}

void frames_feed(Flow *f, const guint8 *data, gsize size)
{
    while (size > 0) {
        gsize n = MIN(size, f->want);

        if (f->stage == FLOW_OPAQUE) {
            flow_emit(f, data, size);
            f->link->link_bytes[f->side] += size;
            return;
        }
        if (!f->hold)
            flow_emit(f, data, n);
        if (f->stage < FLOW_DATA_HEADER)
            f->link->link_bytes[f->side] += n;
        f->want -= n;
        if (f->stage == FLOW_DATA_BODY && f->want == 0 && f->part->len == 0) {
            message_done(f, data, n, f->keep); /* the whole body is here: no copy */
        } else {
            if (f->keep)
                g_byte_array_append(f->part, data, (guint)n);
            if (f->want == 0)
                stage_done(f);
        }
        data += n;
        size -= n;
    }
}

void frames_end(Flow *f)
{
    if (f->stage == FLOW_DATA_BODY && f->hold)
        flow_emit(f, f->header, f->header_size);
    if (f->hold)
        flow_emit(f, f->part->data, f->part->len);
    stage_set(f, FLOW_OPAQUE, 0);
}
