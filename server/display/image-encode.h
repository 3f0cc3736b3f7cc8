/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs the codec that was chosen for an image, or the one that comes nearest if that cannot take it. Worker thread.
 */
#pragma once

#include "common/wire/wire-image.h"
#include "server/display/codec-choice.h"
#include "server/display/display-client.h"

/*
 * Fills type and data of `out`; the data are in `stream`, which must be empty and live as long as `out`. False: the
 * pixels are to be sent as they are, since no codec makes them fewer.
 *
 * What went into the client's dictionary is sent even if that made it longer, and must not be dropped by the caller:
 * the client waits for each image of it.
 */
bool image_encode(DisplayClient *dc, const Image *image, Codec codec, WireWriter *stream, WireImage *out);
