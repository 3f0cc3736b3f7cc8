/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which drawing operations clients perform like the server's canvas does. Any thread.
 */
#pragma once

#include "common/draw/op.h"

/* False if clients draw something else, or end themselves: they must get the result as an image. */
bool op_is_sendable(const DrawOp *op);
