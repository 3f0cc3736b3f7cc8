/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/display/rate-control.h"

#include <string.h>

#define WINDOW 1000u       /* ms over which frames are counted */
#define GRACE 1000u        /* ms from the first frame in which nothing is judged */
#define MAX_GAP 10000      /* ms between frames, after which what was measured means nothing */
#define MAX_REPORT 30000   /* ms that a report may reach back */
#define LATE (-15)         /* ms */
#define VERY_LATE (-200)   /* ms */
#define WORTHY_DELAY 60    /* ms; below it, changes of the delay are noise */
#define CEILING_AGE 60000u /* ms after which a rate that was too much is tried again */

/* For each quality: size of a picture relative to the lowest one in 64ths, and frames a second that it is worth. */
static const struct {
    uint8_t quality;
    uint16_t size;
    uint8_t fps;
} steps[RATE_QUALITIES] = {{20, 64, 1},   {30, 82, 5},   {40, 98, 8},  {50, 114, 10},
                           {60, 132, 15}, {70, 160, 20}, {80, 208, 25}};

void rate_control_init(RateControl *rate, uint64_t bit_rate, RateKind kind)
{
    uint64_t bits = bit_rate ? bit_rate : RATE_DEFAULT_BITS;

    memset(rate, 0, sizeof(*rate));
    rate->kind = kind;
    /* A fifth remains for everything else that travels there. */
    rate->byte_rate = (uint32_t)CLAMP(bits / 10, RATE_MIN_BYTES, RATE_MAX_BYTES);
    rate->quality = RATE_QUALITIES / 2;
}

static void begin_window(RateControl *rate)
{
    rate->window_start = rate->now;
    rate->window_sent = rate->window_dropped = rate->window_held = 0;
    rate->window_bytes = 0;
}

/* The clock starts, or has jumped: nothing measured before can be compared with what comes. */
static void begin(RateControl *rate, uint32_t mm_time)
{
    rate->started = true;
    rate->start = rate->now = rate->changed = rate->quality_time = rate->ceiling_time = mm_time;
    rate->ceiling = 0;
    rate->credit = 1000;
    rate->debt = 0;
    rate->sent_any = rate->held_back = rate->has_reports = false;
    rate->n_history = 0;
    rate->best_delay = 0;
    rate->best_audio = 0;
    begin_window(rate);
}

static uint64_t frame_size(const RateControl *rate, unsigned quality)
{
    return rate->mean_unit * (rate->kind == RATE_BY_QUALITY ? steps[quality].size : steps[0].size) / steps[0].size;
}

/* `measured`: bytes a second that went through while it was too much; 0 = unknown. */
static void decrease(RateControl *rate, uint64_t measured, bool badly)
{
    uint32_t base = rate->byte_rate;

    if (measured && measured < base)
        base = (uint32_t)MAX(measured, base / 4); /* the source may have had little to show */
    rate->ceiling = base;
    rate->ceiling_time = rate->now;
    rate->byte_rate = MAX(base - base / (badly ? 4 : 8), RATE_MIN_BYTES);
    rate->changed = rate->now;
    rate->best_delay = 0;
    rate->best_audio = 0;
}

static void increase(RateControl *rate)
{
    bool near = rate->ceiling && rate->now - rate->ceiling_time < CEILING_AGE &&
                rate->byte_rate > rate->ceiling - rate->ceiling / 4;
    uint32_t step = rate->byte_rate / (near ? 32 : rate->ceiling ? 8 : 4);

    if (!rate->held_back || rate->now - rate->changed < (near ? 6000 : 2000))
        return;
    rate->byte_rate = MIN(rate->byte_rate + step, RATE_MAX_BYTES);
    rate->changed = rate->now;
}

static bool in_grace(const RateControl *rate)
{
    return rate->now - rate->start < GRACE;
}

static void end_window(RateControl *rate)
{
    uint64_t total = (uint64_t)rate->window_sent + rate->window_dropped;
    uint64_t measured = rate->window_bytes * 1000 / MAX(rate->now - rate->window_start, 1);
    bool low = rate->kind == RATE_BY_QUALITY && rate->quality < RATE_QUALITIES - 1;

    rate->held_back = rate->window_held || low || measured > rate->byte_rate - rate->byte_rate / 4;
    if ((uint64_t)rate->window_dropped * 10 > total)
        decrease(rate, measured, rate->window_dropped > rate->window_sent);
    else if (!rate->has_reports && !rate->window_dropped && rate->now - rate->changed >= 4000)
        increase(rate);
    begin_window(rate);
}

static void advance(RateControl *rate, uint32_t mm_time)
{
    int32_t elapsed = (int32_t)(mm_time - rate->now);
    uint64_t drained;

    if (!rate->started || elapsed < 0 || elapsed > MAX_GAP) {
        begin(rate, mm_time);
        return;
    }
    rate->now = mm_time;
    drained = (uint64_t)rate->byte_rate * (uint32_t)elapsed / 1000;
    rate->debt -= MIN(rate->debt, drained);
    /* Frames do not come evenly: half a frame may be saved up, or every late one would cost the next. */
    rate->credit = MIN(rate->credit + (uint32_t)elapsed * RATE_MAX_FPS, 1500);
    if (rate->now - rate->window_start >= WINDOW)
        end_window(rate);
}

bool rate_control_admit(RateControl *rate, uint32_t mm_time, uint32_t source_fps)
{
    uint32_t burst = rate->byte_rate / (rate->kind == RATE_BY_QUALITY ? 10 : 3);

    rate->source_fps = CLAMP(source_fps, 1, RATE_MAX_FPS);
    advance(rate, mm_time);
    if (rate->sent_any && mm_time - rate->last_sent < 1000) {
        if (rate->credit < 1000)
            return false;
        if (rate->debt > burst) {
            rate->window_held++;
            return false;
        }
    }
    rate->credit -= MIN(rate->credit, 1000);
    return true;
}

static void choose_quality(RateControl *rate)
{
    unsigned best = 0;

    for (unsigned q = RATE_QUALITIES - 1; q > 0; q--) {
        uint64_t per_mille = (uint64_t)rate->byte_rate * 1000 / MAX(frame_size(rate, q), 1);
        uint64_t worth = MIN(steps[q].fps, rate->source_fps);

        /* Upwards only with something to spare, or it would go to and fro. */
        if (per_mille >= worth * (q > rate->quality ? 1200 : 950)) {
            best = q;
            break;
        }
    }
    if (best > rate->quality) {
        if (rate->now - rate->quality_time < 500)
            return;
        best = rate->quality + 1; /* how much larger frames get is a guess: see before going on */
    }
    if (best != rate->quality)
        rate->quality_time = rate->now;
    rate->quality = best;
}

void rate_control_sent(RateControl *rate, uint32_t mm_time, size_t size)
{
    uint32_t bytes = (uint32_t)MIN(size, G_MAXINT32);
    uint64_t unit = bytes;

    if (rate->kind == RATE_BY_QUALITY)
        unit = unit * steps[0].size / steps[rate->quality].size;
    unit = MAX(unit, 1);
    rate->mean_unit = rate->mean_unit ? (rate->mean_unit * 7 + unit + 4) / 8 : unit;
    rate->history[rate->n_history % RATE_HISTORY] = (RateFrame){.mm_time = mm_time, .size = bytes};
    rate->n_history++;
    /* Never more than two seconds' worth: one huge picture must not silence what follows. */
    rate->debt = MIN(rate->debt + bytes, 2 * (uint64_t)rate->byte_rate);
    rate->sent_any = true;
    rate->last_sent = mm_time;
    rate->window_sent++;
    rate->window_bytes += bytes;
    if (rate->kind == RATE_BY_QUALITY)
        choose_quality(rate);
}

void rate_control_dropped(RateControl *rate)
{
    if (rate->started && !in_grace(rate) && rate->window_dropped < G_MAXINT32)
        rate->window_dropped++;
}

/* Bytes a second of the frames sent from `first` to `last`; 0 if they are too few or too long ago. */
static uint64_t sent_between(const RateControl *rate, uint32_t first, uint32_t last)
{
    unsigned kept = MIN(rate->n_history, RATE_HISTORY), counted = 0;
    uint64_t bytes = 0;

    for (unsigned i = 1; i <= kept; i++) {
        const RateFrame *frame = &rate->history[(rate->n_history - i) % RATE_HISTORY];

        /* The first frame's bytes went before the interval that the others span. */
        if ((int32_t)(frame->mm_time - first) <= 0)
            break;
        if ((int32_t)(frame->mm_time - last) <= 0) {
            bytes += frame->size;
            counted++;
        }
    }
    if (counted < 3 || last - first < 100)
        return 0;
    return bytes * 1000 / (last - first);
}

/* Frames, or sound, come ever later, though not too late yet. */
static bool delays_shrink(const RateControl *rate, const VideoReport *report, uint32_t needed)
{
    int32_t delay = report->last_frame_delay, best = rate->best_delay;

    if (best >= WORTHY_DELAY && (delay < best / 4 || (delay < best / 2 && (delay < 0 || (uint32_t)delay < needed))))
        return true;
    return report->audio_delay != UINT32_MAX && rate->best_audio >= WORTHY_DELAY &&
           report->audio_delay < rate->best_audio / 2 && delay < best;
}

static void note_delays(RateControl *rate, const VideoReport *report)
{
    int32_t delay = CLAMP(report->last_frame_delay, -MAX_REPORT, MAX_REPORT);

    rate->best_delay = MAX(delay, rate->best_delay - (rate->best_delay - delay) / 16);
    if (report->audio_delay != UINT32_MAX)
        rate->best_audio = MAX(MIN(report->audio_delay, MAX_REPORT), rate->best_audio - rate->best_audio / 16);
}

/* Of frames that were sent, and lately. */
static bool report_is_sane(const RateControl *rate, const VideoReport *report)
{
    int32_t since_first = (int32_t)(rate->now - report->start_mm_time);
    int32_t since_last = (int32_t)(rate->now - report->end_mm_time);

    return rate->started && report->num_frames && since_last >= 0 && since_first >= since_last &&
           since_first <= MAX_REPORT;
}

void rate_control_report(RateControl *rate, const VideoReport *report, uint32_t needed)
{
    uint64_t lost = (uint64_t)report->num_drops * 10;

    if (!report_is_sane(rate, report))
        return;
    rate->has_reports = true;
    /* What was sent before the rate changed says nothing about the rate. */
    if ((int32_t)(report->start_mm_time - rate->changed) < 0 || in_grace(rate))
        return;
    if (report->last_frame_delay < LATE || lost > report->num_frames || delays_shrink(rate, report, needed)) {
        decrease(rate, sent_between(rate, report->start_mm_time, report->end_mm_time),
                 report->last_frame_delay < VERY_LATE || lost > 5 * (uint64_t)report->num_frames);
        return;
    }
    note_delays(rate, report);
    if (!report->num_drops && report->last_frame_delay >= 0)
        increase(rate);
}

unsigned rate_control_quality(const RateControl *rate)
{
    return steps[rate->quality].quality;
}

uint64_t rate_control_byte_rate(const RateControl *rate)
{
    return rate->byte_rate;
}

uint32_t rate_control_needed_delay(const RateControl *rate, uint32_t round_trip_ms)
{
    uint64_t frame_ms = frame_size(rate, rate->quality) * 1000 / rate->byte_rate;

    return (uint32_t)MIN(2 * frame_ms + round_trip_ms / 2, RATE_MAX_DELAY);
}
