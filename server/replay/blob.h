/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The bytes of a "binary" blob, read into memory that grows as they come. Used by ReplayText only, which has read and
 * checked the sizes: `plain` and `packed` are at most REPLAY_BLOB_MAX. NULL: the reader has failed.
 */
#pragma once

#include "server/replay/text.h"

ReplayBlock *replay_blob_copy(ReplayText *t, ReplayBlobShape shape, size_t plain);
/* `packed` bytes of zlib data, which must give exactly `plain` bytes. */
ReplayBlock *replay_blob_inflate(ReplayText *t, ReplayBlobShape shape, size_t plain, size_t packed);
