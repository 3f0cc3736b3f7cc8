/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SoundEncoder, SoundDecoder: stereo S16 samples to and from what travels, raw or as Opus packets.
 *
 * A sample pair is a uint32_t: left in the low half, right in the high half. One thread at a time for each object.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define SOUND_CHANNELS 2
#define SOUND_PAIR_BYTES 4
#define SOUND_FRAME_PAIRS 480      /* of a frame, whatever the rate */
#define SOUND_BEST_RATE 48000      /* Hz */
#define SOUND_PACKET_MAX_BYTES 480 /* of an Opus packet that is sent */

typedef struct SoundEncoder SoundEncoder;
typedef struct SoundDecoder SoundDecoder;

#define SOUND_ERROR (sound_error_quark())
typedef enum SoundError {
    SOUND_ERROR_PACKET, /* a packet cannot be decoded */
    SOUND_ERROR_MODE,   /* a mode that there is no codec for */
} SoundError;
GQuark sound_error_quark(void);

/* Whether frames of this rate can be Opus packets. Not at 16000 Hz: 30 ms is no length that Opus knows. */
bool sound_rate_is_opus(uint32_t hz);

/* An Opus encoder, for a rate that can be Opus. */
SoundEncoder *sound_encoder_new(uint32_t hz);
void sound_encoder_free(SoundEncoder *encoder); /* NULL is allowed */
/* One frame into one packet. Bytes of the packet, 0 if the encoder failed. */
size_t sound_encoder_encode(SoundEncoder *encoder, const uint32_t pairs[SOUND_FRAME_PAIRS],
                            uint8_t packet[SOUND_PACKET_MAX_BYTES]);

/* A decoder of an SPICE_AUDIO_DATA_MODE_*; NULL with an error if there is none for that mode and rate. */
SoundDecoder *sound_decoder_new(uint16_t mode, uint32_t hz, GError **error);
void sound_decoder_free(SoundDecoder *decoder); /* NULL is allowed */
/*
 * Decodes what one DATA message carried. `pairs` leads to the result, valid until the next call on this decoder or, in
 * raw mode, as long as `data` is. A raw message may have any length; of one that is not a whole number of pairs the
 * rest is left out. False with an error: not an Opus packet, or one of more than a frame.
 */
bool sound_decoder_decode(SoundDecoder *decoder, const uint8_t *data, size_t size, const uint8_t **pairs,
                          size_t *n_pairs, GError **error);
