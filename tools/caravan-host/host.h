/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Host: the whole program's state, and the tasks that a command may leave behind until its answer can be given.
 * Main loop only, except host_changed().
 */
#pragma once

#include "tools/caravan-host/answer.h"
#include "tools/caravan-host/machine.h"

#define POSITION_END UINT64_MAX

typedef struct Task Task;

/* Looks whether the task is done: if so it answers and returns true. */
typedef bool (*TaskCheck)(Task *task);

struct Task {
    const char *name; /* of the command */
    TaskCheck check;
    int64_t started; /* monotonic us */
    uint64_t number; /* command number, where one was given */
    uint64_t *polls; /* settle: the count to be reached, by player */
    int phase;       /* migrate */
    int64_t phase_started;
    double connect_ms, drain_ms, stop_ms;
};

typedef struct Host {
    MachineOptions options;
    GMainLoop *loop;
    Player **players; /* one per display */
    int n_players;
    Machine *machine;     /* that clients connect to; NULL while a destination starts */
    Machine *private_one; /* destination, before load: plays without clients */
    int port;
    bool incoming;
    bool connect_done, end_done; /* migration callbacks since the last migrate_connect / migrate_end */
    GQueue tasks;                /* of Task */
} Host;

extern Host host;

/* Something may have changed that a task or a blocked ring waits for. Any thread. */
void host_changed(void);

/* A task that is looked at now, after each change, and every few milliseconds. Its check owns nothing of it. */
Task *host_add_task(const char *name, TaskCheck check);

/* The machine that the players feed: the private one until the load. */
Machine *host_active(void);

/* Sets the limit of all players. */
void host_play_to(uint64_t number);
/* Stops all players at one position, that of the farthest. */
uint64_t host_pause(void);
/* All players are drained and at their limit or end. */
bool host_reached(void);
/* Number of the last command fed to all displays. */
uint64_t host_position(void);

double task_ms(const Task *task);

/* One line of standard input. */
void control_line(const char *line);

/* `migrate HOST PORT` */
void migrate_command(char **words);
/* Calls spice_server_migrate_connect for the words HOST PORT [TLS-PORT [SUBJECT]]. False, and an error answer, if they
 * are wrong. */
bool migrate_connect(const char *command, char **words, int *result);
/* `load N` */
void load_command(char **words);
