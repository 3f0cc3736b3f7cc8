/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads QXL commands out of guest memory: the only code that touches it, apart from the canvases of surfaces.
 *
 * Every field is read once, into host memory, and validated there; pixels, clip lists and cursor shapes are copied
 * (rows packed), so that nothing that is returned refers to guest memory, with two exceptions: a surface's own pixels,
 * and large pictures, whose copy can wait (see GuestPixels). The guest may change its memory at any time; that can only
 * change what is drawn.
 *
 * All functions: worker thread; false or NULL with an error if the command is to be dropped. `release` is filled as
 * soon as the command's own structure could be mapped (release->info != NULL), also when the command is then refused:
 * the caller hands it back to the host exactly once. It is left with info == NULL if not even that was possible.
 */
#pragma once

#include "common/draw/op.h"
#include "server/display/guest-pixels.h"
#include "server/display/memslot.h"

#define QXL_PARSE_ERROR (qxl_parse_error_quark())
typedef enum QxlParseError {
    QXL_PARSE_ERROR_INVALID,     /* worth a warning */
    QXL_PARSE_ERROR_UNSUPPORTED, /* legal, but not implemented yet */
    QXL_PARSE_ERROR_EMPTY,       /* legal, and draws nothing: drop it silently */
} QxlParseError;
GQuark qxl_parse_error_quark(void);

/* QXL_CMD_DRAW, native or (command flag QXL_COMMAND_FLAG_COMPAT) compat form. Surfaces are not looked up: the caller
 * checks that they exist and contain the box (its right and bottom; it is not empty and not negative). Every surface
 * that an image refers to, other than the destination, is in deps[] of the result. Errors are in QXL_PARSE_ERROR or in
 * MEMSLOT_ERROR.
 *
 * What is guaranteed beyond the types: enumerations have known values; sources of bitmaps and of self_bitmap contain
 * src_area; indices of indexed bitmaps are below palette->n; bitmaps that are not masks are never 1BIT_LE or 4BIT_LE;
 * rop3 depends on all three operands (the others became simpler operations); a text has glyphs of one depth, and a
 * background only where it is seen and with fore_mode PUT. What depends on a surface's format or size, and whether a
 * path can be drawn, is not checked.
 *
 * `loans`: pixels may stay in guest memory, as loans of these; release->info is NULL then, since the loan returns the
 * command's resources. NULL: everything is copied. */
DrawOp *qxl_parse_drawable(const MemSlots *slots, GuestLoans *loans, const QXLCommandExt *command,
                           QXLReleaseInfoExt *release, GError **error);

typedef struct SurfaceCommand {
    uint32_t surface_id;
    uint8_t type;   /* QXL_SURFACE_CMD_CREATE or _DESTROY; the rest is for CREATE */
    bool keep_data; /* the memory already holds the pixels */
    uint32_t format;
    uint32_t width, height;
    int32_t stride;
    void *memory; /* guest memory, height * |stride| bytes, valid until the command is released */
} SurfaceCommand;

bool qxl_parse_surface(const MemSlots *slots, const QXLCommandExt *command, SurfaceCommand *out,
                       QXLReleaseInfoExt *release, GError **error);

/* The checks of a surface's geometry, shared with the primary surface: known format, size, stride, total bytes. */
bool qxl_check_surface(uint32_t format, uint32_t width, uint32_t height, int32_t stride, GError **error);

typedef struct UpdateCommand {
    Rect area;
    uint32_t update_id;
    uint32_t surface_id;
} UpdateCommand;

bool qxl_parse_update(const MemSlots *slots, const QXLCommandExt *command, UpdateCommand *out,
                      QXLReleaseInfoExt *release, GError **error);

/* QXL_CMD_MESSAGE: checked, logged at debug level, and ignored. */
bool qxl_parse_message(const MemSlots *slots, const QXLCommandExt *command, QXLReleaseInfoExt *release, GError **error);

/* Shape of a cursor. Immutable, atomically reference counted. */
typedef struct CursorShape {
    gatomicrefcount refs;
    uint64_t unique; /* cache key, 0 = not cached */
    uint8_t type;    /* SPICE_CURSOR_TYPE_* */
    uint16_t width, height;
    uint16_t hot_x, hot_y;
    GBytes *data; /* as the guest gave it, linear */
} CursorShape;

CursorShape *cursor_shape_ref(CursorShape *shape);
void cursor_shape_unref(CursorShape *shape); /* NULL is allowed */

typedef struct CursorCommand {
    uint8_t type;       /* QXL_CURSOR_SET, _MOVE, _HIDE, _TRAIL */
    int16_t x, y;       /* SET, MOVE */
    bool visible;       /* SET */
    CursorShape *shape; /* SET: owned by the caller */
    uint16_t trail_length, trail_frequency;
} CursorCommand;

bool qxl_parse_cursor(const MemSlots *slots, const QXLCommandExt *command, CursorCommand *out,
                      QXLReleaseInfoExt *release, GError **error);

/* Monitors config in guest memory. max_allowed (1..256) is the device's limit of heads; in the result it is the smaller
 * of that and the driver's. NULL if count is 0 or above the device's limit. Free with g_free(). */
typedef struct MonitorsConfig {
    uint16_t count;
    uint16_t max_allowed;
    QXLHead heads[];
} MonitorsConfig;

MonitorsConfig *qxl_parse_monitors(const MemSlots *slots, uint32_t group, QXLPHYSICAL address, uint16_t max_allowed,
                                   GError **error);
