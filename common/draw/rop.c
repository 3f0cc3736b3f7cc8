/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/draw/rop.h"

#include <spice/enums.h>
#include <string.h>

uint8_t ropd_reduce(uint16_t rop, uint16_t invers_a, uint16_t invers_b)
{
    unsigned a = rop & invers_a ? 0x3 : 0xc;
    unsigned b = rop & invers_b ? 0x5 : 0xa;
    unsigned r;

    if (rop & SPICE_ROPD_OP_PUT)
        r = a;
    else if (rop & SPICE_ROPD_OP_OR)
        r = a | b;
    else if (rop & SPICE_ROPD_OP_AND)
        r = a & b;
    else if (rop & SPICE_ROPD_OP_XOR)
        r = a ^ b;
    else if (rop & SPICE_ROPD_OP_BLACKNESS)
        return ROP_CLEAR;
    else if (rop & SPICE_ROPD_OP_WHITENESS)
        return ROP_SET;
    else if (rop & SPICE_ROPD_OP_INVERS)
        return ROP_NOT_B;
    else
        return ROP_A;
    return rop & SPICE_ROPD_INVERS_RES ? r ^ 0xf : r;
}

/* The function as XOR of products of its inputs: coef[i] is all ones if the product of the inputs in i takes part. */
static void rop_products(uint8_t table, unsigned n_inputs, uint64_t *coef)
{
    unsigned n = 1U << n_inputs;

    for (unsigned i = 0; i < n; i++)
        coef[i] = table >> i & 1 ? UINT64_MAX : 0;
    for (unsigned bit = 1; bit < n; bit <<= 1)
        for (unsigned i = 0; i < n; i++)
            if (i & bit)
                coef[i] ^= coef[i ^ bit];
}

void rop_row(uint8_t code, uint8_t *dst, const uint8_t *a, const uint8_t *b, size_t n)
{
    uint64_t c[4], va = 0, vb = 0;

    rop_products(code, 2, c);
    for (size_t i = 0; i < n; i += 8) {
        size_t part = n - i < 8 ? n - i : 8;

        if (part == 8) {
            memcpy(&va, a + i, 8);
            memcpy(&vb, b + i, 8);
        } else {
            memcpy(&va, a + i, part);
            memcpy(&vb, b + i, part);
        }
        va = c[0] ^ (c[1] & vb) ^ (va & (c[2] ^ (c[3] & vb)));
        if (part == 8)
            memcpy(dst + i, &va, 8);
        else
            memcpy(dst + i, &va, part);
    }
}

void rop3_row(uint8_t code, uint8_t *dst, const uint8_t *pattern, const uint8_t *src, size_t n)
{
    uint64_t c[8], p = 0, s = 0, d = 0;

    rop_products(code, 3, c);
    for (size_t i = 0; i < n; i += 8) {
        size_t part = n - i < 8 ? n - i : 8;

        memcpy(&p, pattern + i, part);
        memcpy(&s, src + i, part);
        memcpy(&d, dst + i, part);
        d = c[0] ^ (c[1] & d) ^ (s & (c[2] ^ (c[3] & d))) ^ (p & (c[4] ^ (c[5] & d) ^ (s & (c[6] ^ (c[7] & d)))));
        memcpy(dst + i, &d, part);
    }
}

int rop3_uses(uint8_t code, unsigned input)
{
    for (unsigned i = 0; i < 8; i++)
        if ((code >> i & 1) != (code >> (i ^ input) & 1))
            return 1;
    return 0;
}
