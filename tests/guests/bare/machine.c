/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "machine.h"

#define PCI_ADDRESS 0xcf8
#define PCI_DATA 0xcfc
#define COM1 0x3f8

static uint32_t pci_address(unsigned device, unsigned offset)
{
    return 0x80000000u | device << 11 | (offset & 0xfc);
}

uint32_t pci_read(unsigned device, unsigned offset)
{
    out32(PCI_ADDRESS, pci_address(device, offset));
    return in32(PCI_DATA);
}

void pci_write(unsigned device, unsigned offset, uint32_t value)
{
    out32(PCI_ADDRESS, pci_address(device, offset));
    out32(PCI_DATA, value);
}

int pci_find(uint16_t vendor, uint16_t id)
{
    for (int device = 0; device < 32; device++)
        if (pci_read((unsigned)device, 0) == ((uint32_t)id << 16 | vendor))
            return device;
    return -1;
}

void serial_init(void)
{
    out8(COM1 + 1, 0);    /* no interrupts */
    out8(COM1 + 3, 3);    /* 8 bits, no parity */
    out8(COM1 + 2, 0xc7); /* buffers on, cleared */
    out8(COM1 + 4, 3);
}

int serial_get(void)
{
    return in8(COM1 + 5) & 1 ? in8(COM1) : -1;
}

void serial_put(char c)
{
    while (!(in8(COM1 + 5) & 0x20))
        ;
    out8(COM1, (uint8_t)c);
}

void serial_print(const char *s)
{
    while (*s)
        serial_put(*s++);
}

void *memcpy(void *to, const void *from, uint32_t n)
{
    void *d = to;

    __asm__ volatile("rep movsb" : "+D"(d), "+S"(from), "+c"(n) : : "memory");
    return to;
}

void *memset(void *to, int c, uint32_t n)
{
    void *d = to;

    __asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(c) : "memory");
    return to;
}
