/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/display/qxl-parse-private.h"

/* Bit 4 * brush + 2 * source + destination of a code is the result. */
enum { ROP3_BRUSH = 4, ROP3_SOURCE = 2, ROP3_DEST = 1 };

static bool rop3_depends(uint8_t code, unsigned operand)
{
    for (unsigned n = 0; n < 8; n++)
        if (((code >> n) & 1) != ((code >> (n ^ operand)) & 1))
            return true;
    return false;
}

/* Truth table of a rop descriptor on a and b: bit 2 * a + b. */
static uint8_t ropd_table(uint16_t rop, uint16_t invers_a, uint16_t invers_b)
{
    uint8_t table = 0;

    for (unsigned n = 0; n < 4; n++) {
        bool a = (n >> 1) ^ !!(rop & invers_a), b = (n & 1) ^ !!(rop & invers_b);
        bool r = rop & SPICE_ROPD_OP_PUT   ? a
                 : rop & SPICE_ROPD_OP_OR  ? a || b
                 : rop & SPICE_ROPD_OP_AND ? a && b
                                           : a != b;

        table |= (uint8_t)(r ^ !!(rop & SPICE_ROPD_INVERS_RES)) << n;
    }
    return table;
}

/* The descriptor for a code that depends on `a`, may depend on `b`, and on nothing else. */
static uint16_t rop3_to_ropd(uint8_t code, unsigned a, uint16_t invers_a, unsigned b, uint16_t invers_b)
{
    static const uint16_t ops[] = {SPICE_ROPD_OP_PUT, SPICE_ROPD_OP_OR, SPICE_ROPD_OP_AND, SPICE_ROPD_OP_XOR};
    uint8_t wanted = 0;

    for (unsigned n = 0; n < 4; n++)
        wanted |= (uint8_t)((code >> ((n >> 1 ? a : 0) + (n & 1 ? b : 0)) & 1) << n);
    for (unsigned inverted = 0; inverted < 8; inverted++)
        for (unsigned i = 0; i < G_N_ELEMENTS(ops); i++) {
            uint16_t rop = ops[i];

            rop |= inverted & 1 ? invers_a : 0;
            rop |= inverted & 2 ? invers_b : 0;
            rop |= inverted & 4 ? SPICE_ROPD_INVERS_RES : 0;
            if (ropd_table(rop, invers_a, invers_b) == wanted)
                return rop;
        }
    g_assert_not_reached();
}

/* Clients read in front of a pattern whose origin is right of the box or below it: moves it by whole tiles. */
static void pattern_before_box(Brush *brush, const Rect *box)
{
    const Image *tile = brush->pattern;

    if (brush->type != SPICE_BRUSH_TYPE_PATTERN || tile->type != SPICE_IMAGE_TYPE_BITMAP)
        return;
    if (brush->pos.x > box->left)
        brush->pos.x = box->left - (int32_t)((tile->width - (brush->pos.x - box->left) % tile->width) % tile->width);
    if (brush->pos.y > box->top)
        brush->pos.y = box->top - (int32_t)((tile->height - (brush->pos.y - box->top) % tile->height) % tile->height);
}

bool rop3_simplify(DrawOp *op)
{
    __typeof__(op->u.rop3) old = op->u.rop3;
    bool brush = rop3_depends(old.rop3, ROP3_BRUSH);
    bool source = rop3_depends(old.rop3, ROP3_SOURCE);
    bool dest = rop3_depends(old.rop3, ROP3_DEST);

    if (brush && source && dest) {
        if (old.brush.type == SPICE_BRUSH_TYPE_NONE) /* clients would take what happens to lie in memory */
            op->u.rop3.brush = (Brush){.type = SPICE_BRUSH_TYPE_SOLID, .color = 0};
        pattern_before_box(&op->u.rop3.brush, &op->box);
        return true;
    }
    if (dest && !brush && !source && old.rop3 == 0xaa)
        return false;
    memset(&op->u, 0, sizeof(op->u));
    if (!source) {
        image_unref(old.src);
        op->self_bitmap = false;
    }
    if (!brush)
        image_unref(old.brush.pattern);
    if (!brush && !source) {
        op->type = dest ? QXL_DRAW_INVERS : old.rop3 ? QXL_DRAW_WHITENESS : QXL_DRAW_BLACKNESS;
        op->u.solid.mask = old.mask;
    } else if (!brush) {
        op->type = QXL_DRAW_COPY;
        op->u.copy.src = old.src;
        op->u.copy.src_area = old.src_area;
        op->u.copy.scale_mode = old.scale_mode;
        op->u.copy.mask = old.mask;
        op->u.copy.rop = rop3_to_ropd(old.rop3, ROP3_SOURCE, SPICE_ROPD_INVERS_SRC, ROP3_DEST, SPICE_ROPD_INVERS_DEST);
    } else if (!source) {
        op->type = QXL_DRAW_FILL;
        op->u.fill.brush = old.brush;
        op->u.fill.mask = old.mask;
        op->u.fill.rop = rop3_to_ropd(old.rop3, ROP3_BRUSH, SPICE_ROPD_INVERS_BRUSH, ROP3_DEST, SPICE_ROPD_INVERS_DEST);
    } else {
        op->type = QXL_DRAW_OPAQUE;
        op->u.opaque.src = old.src;
        op->u.opaque.src_area = old.src_area;
        op->u.opaque.scale_mode = old.scale_mode;
        op->u.opaque.brush = old.brush;
        op->u.opaque.mask = old.mask;
        op->u.opaque.rop =
            rop3_to_ropd(old.rop3, ROP3_BRUSH, SPICE_ROPD_INVERS_BRUSH, ROP3_SOURCE, SPICE_ROPD_INVERS_SRC);
    }
    return true;
}
