/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/migration/job.h"

/* What may follow what, written down a second time and in another form than in job.c. */
static const struct Step {
    JobDirection direction;
    JobPhase from, to;
} steps[] = {
    {JOB_OUT, JOB_IDLE, JOB_BEGIN},       {JOB_OUT, JOB_BEGIN, JOB_PREPARE},     {JOB_OUT, JOB_BEGIN, JOB_PERFORM},
    {JOB_OUT, JOB_BEGIN, JOB_CANCELLED},  {JOB_OUT, JOB_BEGIN, JOB_FAILED},      {JOB_OUT, JOB_PREPARE, JOB_PERFORM},
    {JOB_OUT, JOB_PREPARE, JOB_HANDOVER}, {JOB_OUT, JOB_PREPARE, JOB_CANCELLED}, {JOB_OUT, JOB_PREPARE, JOB_FAILED},
    {JOB_OUT, JOB_PERFORM, JOB_HANDOVER}, {JOB_OUT, JOB_PERFORM, JOB_CANCELLED}, {JOB_OUT, JOB_PERFORM, JOB_FAILED},
    {JOB_OUT, JOB_HANDOVER, JOB_CONFIRM}, {JOB_OUT, JOB_HANDOVER, JOB_FAILED},   {JOB_OUT, JOB_CONFIRM, JOB_FINISH},
    {JOB_OUT, JOB_CONFIRM, JOB_FAILED},   {JOB_IN, JOB_IDLE, JOB_PREPARE},       {JOB_IN, JOB_PREPARE, JOB_RESTORE},
    {JOB_IN, JOB_PREPARE, JOB_CANCELLED}, {JOB_IN, JOB_PREPARE, JOB_FAILED},     {JOB_IN, JOB_RESTORE, JOB_FINISH},
    {JOB_IN, JOB_RESTORE, JOB_FAILED},
};

static bool expected(JobDirection direction, JobPhase from, JobPhase to)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(steps); i++)
        if (steps[i].direction == direction && steps[i].from == from && steps[i].to == to)
            return true;
    return false;
}

static void check_step(JobDirection direction, JobPhase from, JobPhase to)
{
    Job job;

    job_init(&job, direction);
    job.phase = from;
    g_assert_cmpint(job_is_legal(direction, from, to), ==, expected(direction, from, to));
    if (expected(direction, from, to)) {
        g_assert_true(job_advance(&job, to));
        g_assert_cmpint(job.phase, ==, to);
        g_assert_cmpint(job.started[to], >, 0);
    } else {
        g_test_expect_message("Spice", G_LOG_LEVEL_WARNING, "*refused*");
        g_assert_false(job_advance(&job, to));
        g_test_assert_expected_messages();
        g_assert_cmpint(job.phase, ==, from);
    }
    for (int p = 0; p < JOB_N_PHASES; p++)
        if (p != (int)to || job.phase != to)
            g_assert_cmpint(job.started[p], ==, 0);
}

static void test_transitions(void)
{
    for (int d = JOB_OUT; d <= JOB_IN; d++)
        for (int from = 0; from < JOB_N_PHASES; from++)
            for (int to = 0; to < JOB_N_PHASES; to++)
                check_step((JobDirection)d, (JobPhase)from, (JobPhase)to);
}

static void test_outside(void)
{
    g_assert_false(job_is_legal(JOB_OUT, JOB_N_PHASES, JOB_BEGIN));
    g_assert_false(job_is_legal(JOB_OUT, JOB_IDLE, JOB_N_PHASES));
    g_assert_false(job_is_legal(JOB_IN, (JobPhase)-1, JOB_PREPARE));
    g_assert_cmpstr(job_phase_name(JOB_N_PHASES), ==, "unknown");
    g_assert_cmpstr(job_phase_name((JobPhase)-1), ==, "unknown");
    for (int p = 0; p < JOB_N_PHASES; p++)
        g_assert_cmpstr(job_phase_name((JobPhase)p), !=, "unknown");
}

static void test_over(void)
{
    for (int d = JOB_OUT; d <= JOB_IN; d++) {
        Job job;

        job_init(&job, (JobDirection)d);
        g_assert_true(job_is_over(&job));
        job.phase = JOB_FINISH;
        g_assert_true(job_is_over(&job));
        job.phase = JOB_CANCELLED;
        g_assert_true(job_is_over(&job));
        job.phase = JOB_FAILED;
        g_assert_true(job_is_over(&job));
        job.phase = JOB_PREPARE;
        g_assert_false(job_is_over(&job));
        job.phase = d == JOB_OUT ? JOB_CONFIRM : JOB_RESTORE;
        g_assert_false(job_is_over(&job));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/job/transitions", test_transitions);
    g_test_add_func("/job/outside", test_outside);
    g_test_add_func("/job/over", test_over);
    return g_test_run();
}
