/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bare machine: ports, PCI configuration, serial line. Freestanding, 32 bit. After a port was touched memory may
 * have changed: devices answer there. */
#pragma once

#include <stdint.h>

static inline void out8(uint16_t port, uint8_t v)
{
    __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port) : "memory");
}
static inline void out16(uint16_t port, uint16_t v)
{
    __asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port) : "memory");
}
static inline void out32(uint16_t port, uint32_t v)
{
    __asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port) : "memory");
}
static inline uint8_t in8(uint16_t port)
{
    uint8_t v;

    __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port) : "memory");
    return v;
}
static inline uint16_t in16(uint16_t port)
{
    uint16_t v;

    __asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port) : "memory");
    return v;
}
static inline uint32_t in32(uint16_t port)
{
    uint32_t v;

    __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port) : "memory");
    return v;
}

/* Configuration space of a device on bus 0. */
uint32_t pci_read(unsigned device, unsigned offset);
void pci_write(unsigned device, unsigned offset, uint32_t value);
/* Device number on bus 0 of vendor and device id, -1 if there is none. */
int pci_find(uint16_t vendor, uint16_t id);

/* First serial port, polled. serial_get gives -1 if nothing has come. */
void serial_init(void);
int serial_get(void);
void serial_put(char c);
void serial_print(const char *s);

void *memcpy(void *to, const void *from, uint32_t n);
void *memset(void *to, int c, uint32_t n);
