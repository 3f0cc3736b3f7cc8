/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The protocol's headers want limits.h; without a 32 bit C library this is what they get. */
#pragma once
#define UINT_MAX 0xffffffffu
#define ULONG_MAX 0xfffffffful
