/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Job: the phases of one migration of one server, as a state machine. It knows what may follow what, and when it was.
 *
 * Named after the phases of libvirt's migration protocol. OUT (source): begin (the clients are told where to go),
 * prepare (they connect there), perform (the guest's memory moves), handover (MIGRATE and the data), confirm (the
 * clients have left). IN (destination): prepare (the client has linked), restore (its data come), finish. A transition
 * that is not in the table is a bug of the caller: it is logged and refused. Host context.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef enum JobDirection { JOB_OUT, JOB_IN } JobDirection;

typedef enum JobPhase {
    JOB_IDLE,
    JOB_BEGIN,
    JOB_PREPARE,
    JOB_PERFORM,
    JOB_HANDOVER,
    JOB_CONFIRM,
    JOB_RESTORE,
    JOB_FINISH,
    JOB_CANCELLED,
    JOB_FAILED,
    JOB_N_PHASES,
} JobPhase;

typedef struct Job {
    JobDirection direction;
    JobPhase phase;
    gint64 started[JOB_N_PHASES]; /* monotonic us at which a phase was entered, 0 = never */
} Job;

void job_init(Job *job, JobDirection direction);
bool job_is_legal(JobDirection direction, JobPhase from, JobPhase to);
/* False, with a warning and nothing changed, if the transition is not legal. */
bool job_advance(Job *job, JobPhase to);
/* Idle, finished, cancelled or failed: a new job may begin. */
bool job_is_over(const Job *job);
const char *job_phase_name(JobPhase phase);
