/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Multiboot header and stack: QEMU's -kernel loads this and jumps to start in 32 bit protected mode. */
#define MAGIC 0x1badb002
#define FLAGS 0
	.section .multiboot, "a"
	.align 4
	.long MAGIC
	.long FLAGS
	.long -(MAGIC + FLAGS)

	.section .text
	.global start
start:
	cli
	mov $stack_top, %esp
	xor %ebp, %ebp
	call guest_main
1:	hlt
	jmp 1b

	.section .bss
	.align 16
	.skip 65536
stack_top:
	.section .note.GNU-stack, "", @progbits
