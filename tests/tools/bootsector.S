/* A guest for tests of `pith run`: 512 bytes that start from a disk within a second. It says "boot ok" on the first
 * serial port, echoes what it is sent, and understands:
 *   q  powers off         r  resets          i  ignores the power button from now on
 *   f  65,536 letters x and the word "done"
 * When the power button is pressed it says "button" and powers off. Ports are those of QEMU's q35. */
	.code16
	.globl _start
_start:
	xorw %ax, %ax
	movw %ax, %ds
	movw %ax, %ss
	movw $0x7c00, %sp
	xorw %bp, %bp		/* 1: the button is ignored */
	movw $0x602, %dx	/* enable the button's status bit */
	movw $0x100, %ax
	outw %ax, %dx
	movw $hello, %si
	call print
main:
	movw $0x600, %dx
	inw %dx, %ax
	testb $1, %ah
	jnz button
	movw $0x3fd, %dx
	inb %dx, %al
	testb $1, %al
	jz main
	movw $0x3f8, %dx
	inb %dx, %al
	cmpb $'q', %al
	je off
	cmpb $'r', %al
	je reset
	cmpb $'f', %al
	je flood
	cmpb $'i', %al
	jne 1f
	incw %bp
1:	call putc
	jmp main
button:
	movw $0x100, %ax	/* writing the bit clears it */
	outw %ax, %dx
	movw $pressed, %si
	call print
	testw %bp, %bp
	jnz main
off:
	movw $0x604, %dx
	movw $0x2000, %ax
	outw %ax, %dx
	jmp .
reset:
	movw $0xcf9, %dx
	movb $6, %al
	outb %al, %dx
	jmp .
flood:
	xorw %cx, %cx
1:	movb $'x', %al
	call putc
	loop 1b
	movw $done, %si
	call print
	jmp main
print:
	lodsb
	testb %al, %al
	jz 1f
	call putc
	jmp print
1:	ret
putc:
	pushw %ax
	movw $0x3fd, %dx
1:	inb %dx, %al
	testb $0x20, %al
	jz 1b
	popw %ax
	movw $0x3f8, %dx
	outb %al, %dx
	ret
hello:	.asciz "boot ok\r\n"
pressed: .asciz "button\r\n"
done:	.asciz "\r\ndone\r\n"
	.org 510
	.word 0xaa55
