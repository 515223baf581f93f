# Boot sector of the KVM probe: walks through everything a real system uses on its way up, then ends QEMU
# through the debug-exit device with code 33. probe.rs holds the assembled bytes:
#   as probe.s -o probe.o && ld -m elf_x86_64 -Ttext 0x7c00 --oformat binary -e _start probe.o -o probe.bin
        .code16
        .globl _start
_start: cli
        xor %ax, %ax
        mov %ax, %ds
        mov %ax, %es
        mov %ax, %ss
        mov $0x7c00, %sp
        # An interrupt return in real mode: where half-working KVMs fail with real boot loaders.
        pushf
        push %cs
        push $1f
        iret
1:      # Page tables at 0x1000: the first 2 MiB mapped to themselves.
        cld
        mov $0x1000, %edi
        mov %edi, %cr3
        xor %eax, %eax
        mov $0xc00, %ecx
        rep stosl
        movl $0x2003, 0x1000
        movl $0x3003, 0x2000
        movl $0x0083, 0x3000
        lgdt gdtr
        # Protected mode first, as boot loaders do.
        mov %cr0, %eax
        or $1, %al
        mov %eax, %cr0
        ljmp $0x18, $2f
        .code32
2:      mov $0x10, %ax
        mov %ax, %ds
        mov %ax, %ss
        # Then long mode: PAE and SSE in CR4, LME in EFER, paging in CR0.
        mov %cr4, %eax
        or $0x620, %eax
        mov %eax, %cr4
        mov $0xc0000080, %ecx
        rdmsr
        or $0x100, %eax
        wrmsr
        mov %cr0, %eax
        or $0x80000000, %eax
        and $0xfffffffb, %eax
        or $2, %eax
        mov %eax, %cr0
        ljmp $0x08, $3f
        .code64
3:      # Instructions that emulating KVMs lack: a 16-byte exchange and the FPU state.
        xor %rax, %rax
        xor %rdx, %rdx
        xor %rbx, %rbx
        xor %rcx, %rcx
        lock cmpxchg16b 0x5000
        fxsave 0x5200
        fxrstor 0x5200
        pxor %xmm0, %xmm0
        cpuid
        mov $0x10, %al
        out %al, $0xf4
4:      hlt
        jmp 4b
        .align 8
gdt:    .quad 0
        .quad 0x00209a0000000000
        .quad 0x00cf92000000ffff
        .quad 0x00cf9a000000ffff
gdtr:   .word 31
        .long gdt
        .org 510
        .word 0xaa55
