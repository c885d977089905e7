#include "probe_rom.h"

#ifdef __x86_64__

/* The image ends at 4 GiB; execution starts 16 bytes before that in real mode. The steps are those of every operating
 * system on its way to 64-bit mode: a descriptor table, protected mode, page tables (the first 2 MiB and the 2 MiB
 * that this image ends, as large pages), physical address extension, long mode, paging. An accelerator that only gets
 * through real mode does not get through this. */
__asm__("	.pushsection .rodata.probe_rom, \"a\"\n"
	"	.balign 16\n"
	"	.set rom_at, 0xffff0000\n"
	"	.local probe_rom_image\n"
	"probe_rom_image:\n"
	"	.code16\n"
	"0:	cli\n"
	"	lgdtl %cs:(5f - 0b)\n"
	"	movl %cr0, %eax\n"
	"	orl $1, %eax\n"
	"	movl %eax, %cr0\n"
	"	ljmpl $8, $(rom_at + (1f - 0b))\n"
	"	.code32\n"
	"1:	movw $16, %ax\n"
	"	movw %ax, %ds\n"
	"	movw %ax, %es\n"
	"	movw %ax, %ss\n"
	"	movl $0x2003, 0x1000\n" /* top level at 0x1000 */
	"	movl $0x3003, 0x2000\n" /* its first GiB and its fourth both at 0x3000 */
	"	movl $0x3003, 0x2018\n"
	"	movl $0x83, 0x3000\n"
	"	movl $0xffe00083, 0x3ff8\n"
	"	movl $0x1000, %eax\n"
	"	movl %eax, %cr3\n"
	"	movl %cr4, %eax\n"
	"	orl $0x20, %eax\n"
	"	movl %eax, %cr4\n"
	"	movl $0xc0000080, %ecx\n"
	"	rdmsr\n"
	"	orl $0x100, %eax\n"
	"	wrmsr\n"
	"	movl %cr0, %eax\n"
	"	orl $0x80000000, %eax\n"
	"	movl %eax, %cr0\n"
	"	ljmpl $24, $(rom_at + (2f - 0b))\n"
	"	.code64\n"
	"2:	movl $100000, %ecx\n"
	"3:	decl %ecx\n"
	"	jnz 3b\n"
	"	movb $0x10, %al\n"
	"	movw $0xf4, %dx\n"
	"	outb %al, %dx\n"
	"4:	hlt\n"
	"	jmp 4b\n"
	"	.balign 8\n"
	"6:	.quad 0\n"
	"	.quad 0x00cf9a000000ffff\n" /*  8: code, 32 bit */
	"	.quad 0x00cf92000000ffff\n" /* 16: data */
	"	.quad 0x00af9a000000ffff\n" /* 24: code, 64 bit */
	"5:	.word 31\n"
	"	.long rom_at + (6b - 0b)\n"
	"	.fill 0xfff0 - (. - probe_rom_image), 1, 0xf4\n"
	"	.code16\n"
	"	.byte 0xe9\n" /* near jump, relative to the instruction after it at 0xfff3 */
	"	.word -0xfff3\n"
	"	.fill 0x10000 - (. - probe_rom_image), 1, 0\n"
	"	.code64\n"
	"	.popsection\n");

extern const uint8_t probe_rom_image[PROBE_SIZE] __attribute__((visibility("hidden")));

const uint8_t *probe_rom(void)
{
	return probe_rom_image;
}

#else

const uint8_t *probe_rom(void)
{
	return NULL;
}

#endif
