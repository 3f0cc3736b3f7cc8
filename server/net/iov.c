/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pieces of memory that are written one after the other. */
#include "server/net/layer.h"

#include <glib.h>
#include <string.h>

int iov_limit(struct iovec *out, int max, const struct iovec *iov, int n, size_t limit)
{
    int used = 0;

    for (int i = 0; i < n && used < max && limit; i++) {
        size_t size = MIN(iov[i].iov_len, limit);

        if (!size)
            continue;
        out[used++] = (struct iovec){iov[i].iov_base, size};
        limit -= size;
    }
    return used;
}

size_t iov_gather(void *buf, size_t size, const struct iovec *iov, int n)
{
    size_t used = 0;

    for (int i = 0; i < n && used < size; i++) {
        size_t part = MIN(iov[i].iov_len, size - used);

        if (part)
            memcpy((char *)buf + used, iov[i].iov_base, part);
        used += part;
    }
    return used;
}

size_t iov_bytes(const struct iovec *iov, int n)
{
    size_t size = 0;

    for (int i = 0; i < n; i++)
        size += iov[i].iov_len;
    return size;
}
