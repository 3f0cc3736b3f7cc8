/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by the files of ChannelClient (life and queue: channel-client.c; receiving; migration), and by nobody else. */
#pragma once

#include "server/core/channel-client.h"

/* One warning that says why, then the connection is dropped. */
void channel_client_drop(ChannelClient *cc, const char *why);
/* Puts an item into the queue by `push`, whatever state the connection is in. */
void channel_client_enqueue(ChannelClient *cc, PipeItem *item, void (*push)(GQueue *queue, GList *link));
/* What the socket is watched for: reading unless paused, and writing if wanted (here or by the stream itself). */
void channel_client_set_watch(ChannelClient *cc, bool want_write);

/* Reads soon, whether the socket is readable or not. */
void channel_client_read_again(ChannelClient *cc);

/* channel-receive.c: the socket is ready. */
void channel_client_on_ready(int fd, int events, void *opaque);

/* Messages of the client that all channels have. False with an error: it is not their time. */
void channel_client_handle_ack(ChannelClient *cc);
bool channel_client_handle_flush_mark(ChannelClient *cc, GError **error);
bool channel_client_handle_migrate_data(ChannelClient *cc, const uint8_t *data, size_t size, GError **error);
