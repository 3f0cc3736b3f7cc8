/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/migration/job.h"

#define BIT(phase) (1u << (phase))
#define EXITS (BIT(JOB_CANCELLED) | BIT(JOB_FAILED))

/* For each phase the set of phases that may follow. */
static const unsigned legal[2][JOB_N_PHASES] = {
    [JOB_OUT] =
        {
            [JOB_IDLE] = BIT(JOB_BEGIN),
            [JOB_BEGIN] = BIT(JOB_PREPARE) | BIT(JOB_PERFORM) | EXITS,
            [JOB_PREPARE] = BIT(JOB_PERFORM) | BIT(JOB_HANDOVER) | EXITS,
            [JOB_PERFORM] = BIT(JOB_HANDOVER) | EXITS,
            [JOB_HANDOVER] = BIT(JOB_CONFIRM) | BIT(JOB_FAILED),
            [JOB_CONFIRM] = BIT(JOB_FINISH) | BIT(JOB_FAILED),
        },
    [JOB_IN] =
        {
            [JOB_IDLE] = BIT(JOB_PREPARE),
            [JOB_PREPARE] = BIT(JOB_RESTORE) | EXITS,
            [JOB_RESTORE] = BIT(JOB_FINISH) | BIT(JOB_FAILED),
        },
};

static const char *const names[JOB_N_PHASES] = {
    "idle", "begin", "prepare", "perform", "handover", "confirm", "restore", "finish", "cancelled", "failed",
};

const char *job_phase_name(JobPhase phase)
{
    return (unsigned)phase < JOB_N_PHASES ? names[phase] : "unknown";
}

void job_init(Job *job, JobDirection direction)
{
    *job = (Job){.direction = direction, .phase = JOB_IDLE};
}

bool job_is_legal(JobDirection direction, JobPhase from, JobPhase to)
{
    return (unsigned)from < JOB_N_PHASES && (unsigned)to < JOB_N_PHASES && (legal[direction][from] & BIT(to));
}

bool job_advance(Job *job, JobPhase to)
{
    if (!job_is_legal(job->direction, job->phase, to)) {
        g_warning("migration: from phase %s to %s: refused", job_phase_name(job->phase), job_phase_name(to));
        return false;
    }
    job->phase = to;
    job->started[to] = g_get_monotonic_time();
    return true;
}

bool job_is_over(const Job *job)
{
    return job->phase == JOB_IDLE || legal[job->direction][job->phase] == 0;
}
