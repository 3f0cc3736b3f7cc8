/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Numbered streams (tests/lib/numbered.h) through all ports of the virtio-serial device, in both directions, from
 * wherever streams_step() is called. On the agent's port they are the content of clipboard messages.
 */
#pragma once

/* Opens all ports as they appear. 0 on success, -1 if there is no such device. */
int streams_open(void);
void streams_close(void);
void streams_talk(int yes);   /* write; until then, and after streams_talk(0), only what was begun is completed */
void streams_listen(int yes); /* read; done from the beginning */
/* Goes on, as far as the device lets it. */
void streams_step(void);
/* A line for each port on the serial line: "name written read -" (hexadecimal), the last word being the position of
 * the first wrong byte if there was one; then the bytes that came from there on. "broken" is at the end if the agent
 * got what is no message, with the header of the chunk and of the client's and the server's last message. */
void streams_report(void);
