/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The SASL exchange as the link stage carries it. All numbers are 32 bit, little endian. */
#include "server/core/link-private.h"

#include "common/util/limited-warning.h"
#include "server/net/sasl.h"

#include <spice/protocol.h>
#include <string.h>

#define MAX_NAME 100
#define MAX_DATA (1u << 20)
#define REFUSED "Authentication failed"

/* What the exchange keeps between its steps. */
struct LinkSasl {
    SaslSession *session;
    char *mechanism; /* that the client chose; NULL once the exchange has begun */
    GByteArray *in;  /* grows with what really arrives */
    uint32_t left;   /* bytes of the client's data that are still to come */
};

void link_sasl_free(LinkSasl *sasl)
{
    if (!sasl)
        return;
    sasl_session_free(sasl->session);
    g_free(sasl->mechanism);
    g_byte_array_unref(sasl->in);
    g_free(sasl);
}

static bool end(LinkStage *stage)
{
    link_stage_cancel(stage);
    return false;
}

static bool send_or_end(LinkStage *stage, const WireWriter *w)
{
    return stream_write_all(stage->stream, w->data, w->size) || end(stage);
}

bool link_sasl_begin(LinkStage *stage)
{
    g_autoptr(GError) error = NULL;
    g_auto(WireWriter) w = {0};
    LinkSasl *sasl = stage->sasl = g_new0(LinkSasl, 1);
    const char *mechanisms;

    sasl->in = g_byte_array_new();
    sasl->session = sasl_session_new(stage->stream, &error);
    if (!sasl->session) {
        WARN_LIMITED("link: %s", error->message);
        return end(stage);
    }
    mechanisms = sasl_session_mechanisms(sasl->session);
    wire_write_u32(&w, (uint32_t)strlen(mechanisms));
    wire_write_bytes(&w, mechanisms, strlen(mechanisms));
    link_stage_expect(stage, STEP_SASL_NAME_SIZE, 4);
    return send_or_end(stage, &w);
}

/* The client is who it says; from the next byte on the mechanism's layer counts, if it has one. */
static bool finish(LinkStage *stage)
{
    LinkSasl *sasl = stage->sasl;
    g_auto(WireWriter) w = {0};
    bool good = sasl_session_is_good(sasl->session);

    wire_write_u32(&w, good ? 0 : 1);
    if (!good) {
        wire_write_u32(&w, sizeof(REFUSED));
        wire_write_bytes(&w, REFUSED, sizeof(REFUSED));
    }
    if (!send_or_end(stage, &w))
        return false;
    if (!good)
        return end(stage);
    stream_push_sasl(stage->stream, g_steal_pointer(&sasl->session));
    link_stage_authenticated(stage);
    return false;
}

/* The client's data are complete. */
static bool exchange(LinkStage *stage, bool has_data)
{
    LinkSasl *sasl = stage->sasl;
    g_autofree char *mechanism = g_steal_pointer(&sasl->mechanism);
    g_auto(WireWriter) w = {0};
    const char *out;
    size_t out_size;
    SaslOutcome outcome;

    if (has_data) { /* the last byte is a NUL that does not count, whatever it is */
        sasl->in->data[sasl->in->len - 1] = 0;
        outcome = sasl_session_step(sasl->session, mechanism, sasl->in->data, sasl->in->len - 1, &out, &out_size);
    } else {
        outcome = sasl_session_step(sasl->session, mechanism, NULL, 0, &out, &out_size);
    }
    g_byte_array_set_size(sasl->in, 0);
    if (outcome == SASL_SESSION_FAILED)
        return end(stage);
    wire_write_u32(&w, out ? (uint32_t)out_size + 1 : 0);
    if (out) {
        wire_write_bytes(&w, out, out_size);
        wire_write_u8(&w, 0);
    }
    wire_write_u8(&w, outcome == SASL_SESSION_DONE);
    if (!send_or_end(stage, &w))
        return false;
    if (outcome == SASL_SESSION_DONE)
        return finish(stage);
    link_stage_expect(stage, STEP_SASL_DATA_SIZE, 4);
    return true;
}

static void expect_data(LinkStage *stage)
{
    link_stage_expect(stage, STEP_SASL_DATA, MIN(stage->sasl->left, sizeof(stage->buffer)));
}

static bool handle_name_size(LinkStage *stage, uint32_t size)
{
    if (size < 1 || size > MAX_NAME) {
        WARN_LIMITED("link: SASL: the name of a mechanism has %u bytes", size);
        return end(stage);
    }
    link_stage_expect(stage, STEP_SASL_NAME, size);
    return true;
}

static bool handle_name(LinkStage *stage)
{
    LinkSasl *sasl = stage->sasl;
    g_autofree char *name = g_strndup((const char *)stage->buffer, stage->have);

    if (strlen(name) != stage->have || !sasl_session_offers(sasl->session, name)) {
        WARN_LIMITED("link: SASL: the client chose a mechanism that is not on offer");
        link_stage_refuse(stage, SPICE_LINK_ERR_INVALID_DATA);
        return false;
    }
    sasl->mechanism = g_steal_pointer(&name);
    link_stage_expect(stage, STEP_SASL_DATA_SIZE, 4);
    return true;
}

static bool handle_data_size(LinkStage *stage, uint32_t size)
{
    if (size > MAX_DATA) {
        WARN_LIMITED("link: SASL: %u bytes of data are too many", size);
        if (!stage->sasl->mechanism) /* not the first step: it has not the form of a link any more */
            return end(stage);
        link_stage_refuse(stage, SPICE_LINK_ERR_INVALID_DATA);
        return false;
    }
    if (!size)
        return exchange(stage, false);
    stage->sasl->left = size;
    expect_data(stage);
    return true;
}

bool link_sasl_handle(LinkStage *stage)
{
    LinkSasl *sasl = stage->sasl;
    WireReader r = wire_reader(stage->buffer, stage->have);

    switch (stage->step) {
    case STEP_SASL_NAME_SIZE:
        return handle_name_size(stage, wire_read_u32(&r));
    case STEP_SASL_NAME:
        return handle_name(stage);
    case STEP_SASL_DATA_SIZE:
        return handle_data_size(stage, wire_read_u32(&r));
    default:
        break;
    }
    g_byte_array_append(sasl->in, stage->buffer, (guint)stage->have);
    sasl->left -= (uint32_t)stage->have;
    if (!sasl->left)
        return exchange(stage, true);
    expect_data(stage);
    return true;
}
