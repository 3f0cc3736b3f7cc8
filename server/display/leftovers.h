/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a client forgets to put back: transforms and repeats that COMPOSITE and TEXT set on a surface stay there, and
 * change how later operations read it. Worker thread.
 */
#pragma once

#include "server/display/display-client.h"

/*
 * To be called when `op` is about to be sent: sends what puts the surfaces that it reads in order. Gives the operation
 * to send instead, which is `op` itself or `changed` (its parts are op's), and remembers what it will leave behind.
 */
const DrawOp *leftovers_before_op(DisplayClient *dc, const DrawOp *op, DrawOp *changed);
