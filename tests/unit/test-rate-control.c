/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * RateControl on simulated links: a source of frames, a queue that holds one of them, a link with a buffer, and a
 * client that plays with a delay and reports. One step is a millisecond.
 */
#include "server/display/rate-control.h"

#define MAX_FLYING 512
#define WINDOW_FRAMES 5

typedef struct Flying {
    uint32_t mm_time, arrives;
} Flying;

typedef struct Sim {
    /* what is simulated */
    RateKind kind;
    uint64_t bit_rate;                /* that the control is told */
    uint32_t capacity;                /* bytes a second */
    uint32_t buffer;                  /* bytes that the link holds before the queue has to wait */
    uint32_t latency;                 /* ms, one way */
    uint32_t fps;                     /* of the source */
    uint32_t frame_bytes;             /* at quality 50 */
    uint32_t stall_percent, stall_ms; /* so many in hundred half seconds, nothing gets through for so long */
    uint32_t report_late;             /* ms by which reports come late */
    bool no_reports;
    /* state */
    RateControl rate;
    GRand *random;
    uint32_t now, client_delay;
    bool queued;
    uint32_t queued_time;
    uint64_t backlog; /* thousandths of bytes */
    uint32_t stalled; /* ms left */
    Flying flying[MAX_FLYING];
    unsigned head, tail;
    VideoReport report, on_the_way;
    uint32_t report_arrives;
    bool report_flies;
    /* sums since the last clear */
    unsigned sent, late, dropped, source, quality_sum;
    uint64_t bytes;
    uint32_t cleared;
} Sim;

static void sim_start(Sim *sim)
{
    sim->random = g_rand_new_with_seed(7);
    sim->now = 0xffffe000; /* mm_time wraps around after eight seconds */
    sim->client_delay = 400;
    rate_control_init(&sim->rate, sim->bit_rate, sim->kind);
}

static void sim_clear(Sim *sim)
{
    sim->sent = sim->late = sim->dropped = sim->source = sim->quality_sum = 0;
    sim->bytes = 0;
    sim->cleared = sim->now;
}

/* What a picture takes; not what the control expects: larger steps at the top, and not the same for each. */
static uint32_t picture_size(Sim *sim)
{
    unsigned q = rate_control_quality(&sim->rate);
    double size = sim->frame_bytes * (0.3 + 0.7 * q / 50.0) * (q > 60 ? 1.2 : 1);

    if (sim->kind == RATE_BY_ENCODER) /* keeps to the rate at 25 frames, every hundredth frame is a large one */
        size = MIN(sim->frame_bytes, (double)rate_control_byte_rate(&sim->rate) / 25) * (sim->sent % 100 ? 1 : 5);
    return (uint32_t)(size * g_rand_double_range(sim->random, 0.8, 1.2));
}

static void sim_send(Sim *sim)
{
    uint32_t size;

    sim->queued = false;
    if (!rate_control_admit(&sim->rate, sim->queued_time, sim->fps))
        return;
    size = picture_size(sim);
    rate_control_sent(&sim->rate, sim->queued_time, size);
    sim->client_delay = MAX(sim->client_delay, rate_control_needed_delay(&sim->rate, 2 * sim->latency));
    sim->backlog += 1000 * (uint64_t)size;
    sim->sent++;
    sim->bytes += size;
    sim->quality_sum += rate_control_quality(&sim->rate);
    sim->flying[sim->head++ % MAX_FLYING] =
        (Flying){sim->queued_time, sim->now + sim->latency + sim->stalled + (uint32_t)(sim->backlog / sim->capacity)};
    g_assert_cmpuint(sim->head - sim->tail, <, MAX_FLYING);
}

static void sim_report(Sim *sim)
{
    if (!sim->no_reports && !sim->report_flies) {
        sim->on_the_way = sim->report;
        sim->report_arrives = sim->now + sim->latency + sim->report_late;
        sim->report_flies = true;
    }
    sim->report = (VideoReport){0};
}

static void sim_receive(Sim *sim, uint32_t mm_time)
{
    VideoReport *report = &sim->report;

    if (!report->num_frames++)
        report->start_mm_time = mm_time;
    report->end_mm_time = mm_time;
    report->last_frame_delay = (int32_t)(mm_time + sim->client_delay - sim->now);
    report->audio_delay = UINT32_MAX;
    if (report->last_frame_delay < 0) {
        report->num_drops++;
        sim->late++;
    }
    if (report->num_frames >= WINDOW_FRAMES)
        sim_report(sim);
}

static void sim_step(Sim *sim)
{
    sim->now++;
    if (sim->now % 500 == 0 && g_rand_int_range(sim->random, 0, 100) < (int)sim->stall_percent)
        sim->stalled = sim->stall_ms;
    if (sim->stalled)
        sim->stalled--;
    else
        sim->backlog -= MIN(sim->backlog, sim->capacity);
    if (sim->now % (1000 / sim->fps) == 0) {
        if (sim->queued) {
            rate_control_dropped(&sim->rate);
            sim->dropped++;
        }
        sim->queued = true;
        sim->queued_time = sim->now;
        sim->source++;
    }
    if (sim->queued && sim->backlog < 1000 * (uint64_t)sim->buffer)
        sim_send(sim);
    while (sim->tail != sim->head && (int32_t)(sim->now - sim->flying[sim->tail % MAX_FLYING].arrives) >= 0)
        sim_receive(sim, sim->flying[sim->tail++ % MAX_FLYING].mm_time);
    if (sim->report_flies && (int32_t)(sim->now - sim->report_arrives) >= 0) {
        rate_control_report(&sim->rate, &sim->on_the_way, rate_control_needed_delay(&sim->rate, 2 * sim->latency));
        sim->report_flies = false;
    }
}

static void sim_run(Sim *sim, unsigned seconds)
{
    sim_clear(sim);
    for (unsigned i = 0; i < seconds * 1000; i++)
        sim_step(sim);
    g_test_message("%u s: %.1f fps, quality %.0f, %u kB/s of %u, allowed %u, late %.1f %%, dropped %.1f %%, delay %u",
                   seconds, sim->sent / (double)seconds, sim->quality_sum / (double)MAX(sim->sent, 1),
                   (unsigned)(sim->bytes / seconds / 1000), sim->capacity / 1000,
                   (unsigned)(rate_control_byte_rate(&sim->rate) / 1000), 100.0 * sim->late / MAX(sim->sent, 1),
                   100.0 * sim->dropped / MAX(sim->source, 1), sim->client_delay);
}

static double mean_fps(const Sim *sim)
{
    return sim->sent * 1000.0 / (sim->now - sim->cleared);
}

static double mean_quality(const Sim *sim)
{
    return sim->quality_sum / (double)MAX(sim->sent, 1);
}

static double used(const Sim *sim)
{
    return (double)sim->bytes * 1000 / (sim->now - sim->cleared) / sim->capacity;
}

static double late(const Sim *sim)
{
    return sim->late / (double)MAX(sim->sent, 1);
}

/* All frames at the best quality, though the start is careful. */
static void test_fast(void)
{
    Sim sim = {.capacity = 12500000, .buffer = 1 << 18, .latency = 1, .fps = 25, .frame_bytes = 40000};

    sim_start(&sim);
    sim_run(&sim, 40);
    sim_run(&sim, 20);
    g_assert_cmpfloat(mean_fps(&sim), >, 24.5);
    g_assert_cmpfloat(mean_quality(&sim), >, 79);
    g_assert_cmpuint(sim.late + sim.dropped, ==, 0);
    g_rand_free(sim.random);
}

/* The frame rate has an upper limit. */
static void test_many_frames(void)
{
    Sim sim = {.capacity = 12500000, .buffer = 1 << 18, .latency = 1, .fps = 100, .frame_bytes = 2000};

    sim_start(&sim);
    sim_run(&sim, 10);
    g_assert_cmpfloat(mean_fps(&sim), >, 28);
    g_assert_cmpfloat(mean_fps(&sim), <, 31);
    g_rand_free(sim.random);
}

/* A tenth of what the control was told, with much buffer between: late frames are what tells. */
static void test_slow(void)
{
    static const bool without_reports[] = {false, true};

    for (unsigned i = 0; i < 2; i++) {
        Sim sim = {.capacity = 125000,
                   .buffer = i ? 1 << 15 : 1 << 17,
                   .latency = 30,
                   .fps = 25,
                   .frame_bytes = 12000,
                   .no_reports = without_reports[i]};

        sim_start(&sim);
        sim_run(&sim, 20);
        sim_run(&sim, 60);
        g_assert_cmpfloat(mean_fps(&sim), >, 7);
        g_assert_cmpfloat(used(&sim), >, 0.6);
        g_assert_cmpfloat(used(&sim), <, 1.01);
        g_assert_cmpfloat(late(&sim), <, 0.05);
        g_rand_free(sim.random);
    }
}

/* 64 kbit/s: something is still shown, and nothing piles up. */
static void test_very_slow(void)
{
    Sim sim = {.capacity = 8000, .buffer = 1 << 15, .latency = 300, .fps = 30, .frame_bytes = 8000};

    sim_start(&sim);
    sim_run(&sim, 60);
    sim_run(&sim, 60);
    g_assert_cmpfloat(mean_fps(&sim), >, 0.8);
    g_assert_cmpfloat(mean_quality(&sim), <, 31);
    g_assert_cmpfloat(late(&sim), <, 0.2);
    g_assert_cmpuint(sim.client_delay, <=, RATE_MAX_DELAY);
    g_rand_free(sim.random);
}

/* The link loses most of its capacity, and gets it back. */
static void test_change(void)
{
    Sim sim = {.capacity = 2500000, .buffer = 1 << 17, .latency = 10, .fps = 25, .frame_bytes = 30000};

    sim_start(&sim);
    sim_run(&sim, 40);
    g_assert_cmpfloat(mean_fps(&sim), >, 20);
    sim.capacity = 250000;
    sim_run(&sim, 15);
    sim_run(&sim, 30);
    g_assert_cmpfloat(used(&sim), <, 1.01);
    g_assert_cmpfloat(late(&sim), <, 0.05);
    g_assert_cmpfloat(mean_fps(&sim), >, 7);
    sim.capacity = 2500000;
    sim_run(&sim, 90);
    sim_run(&sim, 20);
    g_assert_cmpfloat(mean_fps(&sim), >, 23);
    g_assert_cmpfloat(mean_quality(&sim), >, 55);
    g_rand_free(sim.random);
}

/* Lost packets stall the link now and then; it must not starve for it. */
static void test_lossy(void)
{
    Sim sim = {.capacity = 1250000,
               .buffer = 1 << 17,
               .latency = 40,
               .fps = 25,
               .frame_bytes = 20000,
               .stall_percent = 5,
               .stall_ms = 120};

    sim_start(&sim);
    sim_run(&sim, 30);
    sim_run(&sim, 60);
    g_assert_cmpfloat(mean_fps(&sim), >, 15);
    g_assert_cmpfloat(used(&sim), >, 0.2);
    g_assert_cmpfloat(late(&sim), <, 0.05);
    g_rand_free(sim.random);
}

static void test_late_reports(void)
{
    Sim sim = {
        .capacity = 250000, .buffer = 1 << 17, .latency = 50, .fps = 25, .frame_bytes = 15000, .report_late = 3000};

    sim_start(&sim);
    sim_run(&sim, 30);
    sim_run(&sim, 60);
    g_assert_cmpfloat(mean_fps(&sim), >, 7);
    g_assert_cmpfloat(used(&sim), >, 0.35);
    g_assert_cmpfloat(late(&sim), <, 0.2);
    g_rand_free(sim.random);
}

/* An encoder that keeps to the rate, with large frames now and then. */
static void test_by_encoder(void)
{
    Sim sim = {
        .kind = RATE_BY_ENCODER, .capacity = 250000, .buffer = 1 << 16, .latency = 20, .fps = 25, .frame_bytes = 30000};

    sim_start(&sim);
    sim_run(&sim, 30);
    sim_run(&sim, 60);
    g_assert_cmpfloat(mean_fps(&sim), >, 18);
    g_assert_cmpfloat(used(&sim), >, 0.5);
    g_assert_cmpfloat(late(&sim), <, 0.05);
    g_rand_free(sim.random);
}

/* Anything may be reported, and any time may come; the rate stays within its bounds. */
static void test_hostile(void)
{
    static const uint32_t edges[] = {0, 1, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};
    g_autoptr(GRand) random = g_rand_new_with_seed(3);

    for (unsigned round = 0; round < 200; round++) {
        RateControl rate;
        uint32_t now = g_rand_int(random);

        rate_control_init(&rate, round % 3 ? g_rand_int(random) : 0, round & 1 ? RATE_BY_ENCODER : RATE_BY_QUALITY);
        for (unsigned i = 0; i < 300; i++) {
            VideoReport report;
            uint32_t *fields[] = {&report.start_mm_time,
                                  &report.end_mm_time,
                                  &report.num_frames,
                                  &report.num_drops,
                                  (uint32_t *)&report.last_frame_delay,
                                  &report.audio_delay};

            for (unsigned f = 0; f < G_N_ELEMENTS(fields); f++)
                *fields[f] = g_rand_int(random) & 1 ? edges[g_rand_int_range(random, 0, G_N_ELEMENTS(edges))]
                             : f < 2                ? now - (uint32_t)g_rand_int_range(random, 0, 4000)
                                                    : g_rand_int(random) >> g_rand_int_range(random, 0, 31);
            rate_control_report(&rate, &report, g_rand_int(random));
            if (rate_control_admit(&rate, now, edges[g_rand_int_range(random, 0, G_N_ELEMENTS(edges))]))
                rate_control_sent(&rate, now, g_rand_int(random) & 7 ? g_rand_int(random) >> 14 : SIZE_MAX);
            if (g_rand_int(random) & 1)
                rate_control_dropped(&rate);
            now += g_rand_int(random) & 31 ? (uint32_t)g_rand_int_range(random, 0, 200) : g_rand_int(random);
            g_assert_cmpuint(rate_control_byte_rate(&rate), >=, RATE_MIN_BYTES);
            g_assert_cmpuint(rate_control_byte_rate(&rate), <=, RATE_MAX_BYTES);
            g_assert_cmpuint(rate_control_quality(&rate), >=, 20);
            g_assert_cmpuint(rate_control_quality(&rate), <=, 80);
            g_assert_cmpuint(rate_control_needed_delay(&rate, g_rand_int(random)), <=, RATE_MAX_DELAY);
        }
    }
}

/* A client that says "late" forever gets a slow video; one frame a second still goes. */
static void test_complaints(void)
{
    RateControl rate;
    unsigned sent = 0;

    rate_control_init(&rate, 0, RATE_BY_QUALITY);
    for (uint32_t now = 0; now < 120000; now += 40) {
        VideoReport report = {now - 160, now, 5, 5, G_MININT32, 0};

        if (rate_control_admit(&rate, now, 25)) {
            rate_control_sent(&rate, now, 50000);
            sent += now >= 60000;
        }
        rate_control_report(&rate, &report, 0);
    }
    g_assert_cmpuint(rate_control_byte_rate(&rate), ==, RATE_MIN_BYTES);
    g_assert_cmpuint(sent, >=, 57);
    g_assert_cmpuint(sent, <=, 63);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rate-control/fast", test_fast);
    g_test_add_func("/rate-control/many-frames", test_many_frames);
    g_test_add_func("/rate-control/slow", test_slow);
    g_test_add_func("/rate-control/very-slow", test_very_slow);
    g_test_add_func("/rate-control/change", test_change);
    g_test_add_func("/rate-control/lossy", test_lossy);
    g_test_add_func("/rate-control/late-reports", test_late_reports);
    g_test_add_func("/rate-control/by-encoder", test_by_encoder);
    g_test_add_func("/rate-control/hostile", test_hostile);
    g_test_add_func("/rate-control/complaints", test_complaints);
    return g_test_run();
}
