/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * RateControl: which frames of a video are to be sent, how many bytes a second they may take, and at which quality, so
 * that they reach the client in time.
 *
 * It sees the frames that were sent, those that the queue dropped, and the client's reports, and nothing else: time
 * comes in as the frames' mm_time (ms, wraps around). Nothing that a client reports can do more than move the rate
 * between its bounds. A plain value without thread or memory of its own.
 *
 * Outline: bytes leave through a bucket that drains at the allowed rate, so frames that are too large make the video
 * slower, evenly. The quality is the best one at which the rate still gives so many frames a second that this quality
 * is worth it. The rate falls when frames are dropped or come late, to below what went through meanwhile; it rises
 * while all is well and the rate is what holds the video back, carefully where it was too much before.
 */
#pragma once

#include "server/display/video-encoder.h"

#define RATE_MIN_BYTES 2048u        /* a second */
#define RATE_MAX_BYTES 125000000u   /* a second */
#define RATE_DEFAULT_BITS 10000000u /* a second; where nothing is known of the connection */
#define RATE_MAX_FPS 30u
#define RATE_MAX_DELAY 5000u /* ms */

typedef enum RateKind {
    RATE_BY_QUALITY, /* frames stand alone: the quality decides about their size */
    RATE_BY_ENCODER, /* the encoder itself keeps to a rate; single frames may be large */
} RateKind;

#define RATE_QUALITIES 7
#define RATE_HISTORY 128

typedef struct RateFrame {
    uint32_t mm_time, size;
} RateFrame;

/* All fields are the control's own; read them through the functions. */
typedef struct RateControl {
    RateKind kind;
    uint32_t byte_rate;  /* allowed bytes a second */
    uint32_t ceiling;    /* what was too much, at ceiling_time; 0 = nothing yet */
    bool started;        /* there was a frame: the times below are valid */
    uint32_t start, now; /* first and newest frame */
    uint32_t changed;    /* when the rate was last changed */
    uint32_t ceiling_time;
    uint32_t credit; /* frames that may be sent, in thousandths */
    uint64_t debt;   /* bytes sent and not yet drained */
    bool sent_any;
    uint32_t last_sent;
    uint32_t source_fps;
    unsigned quality; /* index */
    uint32_t quality_time;
    uint64_t mean_unit; /* mean frame size, as if at the lowest quality; 0 = no frame yet */
    uint32_t window_start, window_sent, window_dropped, window_held;
    uint64_t window_bytes;
    bool held_back; /* the last whole window had frames that the rate held back, or used most of the rate */
    RateFrame history[RATE_HISTORY];
    unsigned n_history; /* ever; the newest is at (n - 1) % RATE_HISTORY */
    bool has_reports;
    int32_t best_delay; /* ms, of what the client reported lately */
    uint32_t best_audio;
} RateControl;

/* `bit_rate`: of the connection, 0 = unknown. */
void rate_control_init(RateControl *rate, uint64_t bit_rate, RateKind kind);

/* Whether a frame that the guest drew at mm_time is to be sent. If so, rate_control_sent() must follow if it is. */
bool rate_control_admit(RateControl *rate, uint32_t mm_time, uint32_t source_fps);
void rate_control_sent(RateControl *rate, uint32_t mm_time, size_t size);
/* A frame was replaced by a newer one in the queue, since the connection did not take it. */
void rate_control_dropped(RateControl *rate);
/* `needed`: rate_control_needed_delay(). */
void rate_control_report(RateControl *rate, const VideoReport *report, uint32_t needed);

unsigned rate_control_quality(const RateControl *rate); /* 20..80, for JPEG */
uint64_t rate_control_byte_rate(const RateControl *rate);
/* ms by which a client has to delay frames for them to arrive in time, at most RATE_MAX_DELAY. */
uint32_t rate_control_needed_delay(const RateControl *rate, uint32_t round_trip_ms);
