/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How the pixels of an image go to a client: a pure function of the image and of what the client and the host want.
 * Any thread.
 */
#pragma once

#include "common/image/image.h"

/* Each way to send pixels. Not all have an encoder yet: the sender falls back to the next simpler one. */
typedef enum Codec {
    CODEC_NONE, /* as they are */
    CODEC_LZ,   /* LZ_RGB, LZ_PLT */
    CODEC_GLZ,  /* GLZ_RGB, ZLIB_GLZ_RGB */
    CODEC_LZ4,
    CODEC_QUIC,
    CODEC_JPEG,
    CODEC_JPEG_ALPHA,
} Codec;

typedef struct CodecPolicy {
    int compression;   /* SPICE_IMAGE_COMPRESSION_*: the client's preference, else the host's. Unknown ones mean LZ */
    bool lossy;        /* photographs may be sent as JPEG */
    bool lz4;          /* the client knows LZ4 */
    bool dictionary;   /* there is a dictionary that the image may go into */
    bool never_encode; /* bandwidth costs nothing */
} CodecPolicy;

/* For an image of type BITMAP. */
Codec codec_choose(const CodecPolicy *policy, const Image *image);
