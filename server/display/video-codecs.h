/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VideoCodecs: which encoders may be used, the best first. As hosts write it ("spice:mjpeg;gstreamer:vp8") and as
 * clients reorder it (PREFERRED_VIDEO_CODEC_TYPE). Values: owned by whoever holds them, no thread of their own.
 */
#pragma once

#include "server/display/video-encoder.h"

typedef struct VideoCodec {
    VideoEncoderKind kind;
    uint8_t codec; /* SPICE_VIDEO_CODEC_TYPE_* */
} VideoCodec;

/*
 * Reads a list of ENCODER:CODEC, separated by ";"; "auto" stands for the default list. Entries that are not known are
 * left out with a warning each; ones that are known but not installed remain (looking would take time when the host
 * starts): there is no encoder for them then. NULL if none remains. The array is of VideoCodec.
 */
GArray *video_codecs_parse(const char *text);
GArray *video_codecs_default(void);
/* The list in the form that video_codecs_parse() reads; to be freed. */
char *video_codecs_print(const GArray *codecs);

/*
 * A copy for a client: in the order of `preferred` (n SPICE_VIDEO_CODEC_TYPE_*, unknown ones ignored; those it does not
 * name come last, in their order), without what it cannot decode. `accepts`: tells that for each codec.
 */
GArray *video_codecs_for_client(const GArray *codecs, const uint8_t *preferred, size_t n,
                                bool (*accepts)(void *opaque, uint8_t codec), void *opaque);
