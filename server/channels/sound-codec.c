/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/channels/sound-codec.h"

#include <opus.h>
#include <spice/enums.h>

struct SoundEncoder {
    OpusEncoder *opus;
};

struct SoundDecoder {
    OpusDecoder *opus; /* NULL: raw */
    opus_int16 samples[SOUND_FRAME_PAIRS * SOUND_CHANNELS];
};

G_DEFINE_QUARK(sound - error - quark, sound_error)

bool sound_rate_is_opus(uint32_t hz)
{
    return hz == 48000 || hz == 24000 || hz == 12000 || hz == 8000;
}

SoundEncoder *sound_encoder_new(uint32_t hz)
{
    SoundEncoder *encoder = g_new0(SoundEncoder, 1);
    int code;

    encoder->opus = opus_encoder_create((opus_int32)hz, SOUND_CHANNELS, OPUS_APPLICATION_AUDIO, &code);
    if (!encoder->opus)
        g_error("no Opus encoder for %u Hz: %s", hz, opus_strerror(code)); /* out of memory: as all of GLib does */
    return encoder;
}

void sound_encoder_free(SoundEncoder *encoder)
{
    if (!encoder)
        return;
    opus_encoder_destroy(encoder->opus);
    g_free(encoder);
}

size_t sound_encoder_encode(SoundEncoder *encoder, const uint32_t pairs[SOUND_FRAME_PAIRS],
                            uint8_t packet[SOUND_PACKET_MAX_BYTES])
{
    opus_int32 n =
        opus_encode(encoder->opus, (const opus_int16 *)pairs, SOUND_FRAME_PAIRS, packet, SOUND_PACKET_MAX_BYTES);

    if (n > 0)
        return (size_t)n;
    g_warning("Opus encoder: %s", opus_strerror(n));
    return 0;
}

SoundDecoder *sound_decoder_new(uint16_t mode, uint32_t hz, GError **error)
{
    SoundDecoder *decoder;
    OpusDecoder *opus = NULL;
    int code;

    if (mode == SPICE_AUDIO_DATA_MODE_OPUS && sound_rate_is_opus(hz))
        opus = opus_decoder_create((opus_int32)hz, SOUND_CHANNELS, &code);
    if (!opus && mode != SPICE_AUDIO_DATA_MODE_RAW) {
        g_set_error(error, SOUND_ERROR, SOUND_ERROR_MODE, "audio mode %u at %u Hz is not supported", mode, hz);
        return NULL;
    }
    decoder = g_new0(SoundDecoder, 1);
    decoder->opus = opus;
    return decoder;
}

void sound_decoder_free(SoundDecoder *decoder)
{
    if (!decoder)
        return;
    if (decoder->opus)
        opus_decoder_destroy(decoder->opus);
    g_free(decoder);
}

bool sound_decoder_decode(SoundDecoder *decoder, const uint8_t *data, size_t size, const uint8_t **pairs,
                          size_t *n_pairs, GError **error)
{
    int n;

    if (!decoder->opus) {
        *pairs = data;
        *n_pairs = size / SOUND_PAIR_BYTES;
        return true;
    }
    if (size == 0 || size > G_MAXINT32) { /* Opus would take no bytes for a lost packet and invent the sound */
        g_set_error(error, SOUND_ERROR, SOUND_ERROR_PACKET, "Opus packet of %zu bytes", size);
        return false;
    }
    n = opus_decode(decoder->opus, data, (opus_int32)size, decoder->samples, SOUND_FRAME_PAIRS, 0);
    if (n < 0) {
        g_set_error(error, SOUND_ERROR, SOUND_ERROR_PACKET, "Opus packet: %s", opus_strerror(n));
        return false;
    }
    *pairs = (const uint8_t *)decoder->samples;
    *n_pairs = (size_t)n;
    return true;
}
