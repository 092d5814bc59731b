/* coro/context_x86_64.S -- the switch of stacks on x86-64, System V.
 *
 * The end is "pop, jmp" and not "ret": the processor predicts a return from where it saw the call,
 * which is another stack's. */
#ifndef CONTEXT_UCONTEXT

    .text

/* void context_swap(void **save_sp (rdi), void *sp (rsi)) */
    .globl context_swap
    .hidden context_swap
    .type context_swap, @function
    .p2align 4
context_swap:
    .cfi_startproc
    pushq %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset rbp, 0
    pushq %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset rbx, 0
    pushq %r12
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r12, 0
    pushq %r13
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r13, 0
    pushq %r14
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r14, 0
    pushq %r15
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r15, 0
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    .cfi_adjust_cfa_offset -8
    .cfi_restore r15
    popq %r14
    .cfi_adjust_cfa_offset -8
    .cfi_restore r14
    popq %r13
    .cfi_adjust_cfa_offset -8
    .cfi_restore r13
    popq %r12
    .cfi_adjust_cfa_offset -8
    .cfi_restore r12
    popq %rbx
    .cfi_adjust_cfa_offset -8
    .cfi_restore rbx
    popq %rbp
    .cfi_adjust_cfa_offset -8
    .cfi_restore rbp
    popq %rcx
    .cfi_adjust_cfa_offset -8
    .cfi_register rip, rcx
    jmpq *%rcx
    .cfi_endproc
    .size context_swap, . - context_swap

/* A new stack begins here: entry is in r12, arg in r13. Backtraces end here. */
    .globl context_start
    .hidden context_start
    .type context_start, @function
    .p2align 4
context_start:
    .cfi_startproc
    .cfi_undefined rip
    movq %r13, %rdi
    callq *%r12
    ud2
    .cfi_endproc
    .size context_start, . - context_start

#endif
    .section .note.GNU-stack, "", @progbits
