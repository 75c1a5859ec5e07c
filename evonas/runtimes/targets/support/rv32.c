/* Startup of a 32-bit RISC-V under an emulator: stack and memory; text goes out by semihosting. */
#include "evonas_port.h"

extern uint32_t evonas_data_source, evonas_data_begin, evonas_data_end, evonas_bss_begin, evonas_bss_end;

void evonas_reset(void);
void evonas_begin(void);

static const char fault_[] EVONAS_CONSTANT = "\nevonas-fault\n";

__attribute__((section(".vectors"), naked, used)) void evonas_reset(void)
{
    __asm__ volatile(".option push\n\t.option arch, +zicsr\n\t.option norelax\n\tla gp, __global_pointer$\n\t"
                     "la sp, evonas_stack_top\n\tla t0, evonas_fault\n\tcsrw mtvec, t0\n\t.option pop\n\t"
                     "j evonas_begin");
}

/* The three instructions that an emulator takes for a call of semihosting must not be compressed. */
EVONAS_OUTSIDE static void semihosting(uint32_t operation, const void *argument)
{
    register uint32_t a0 __asm__("a0") = operation;
    register const void *a1 __asm__("a1") = argument;

    __asm__ volatile(".balign 16\n\t.option push\n\t.option norvc\n\tslli x0, x0, 0x1f\n\tebreak\n\t"
                     "srai x0, x0, 7\n\t.option pop" : "+r"(a0) : "r"(a1) : "memory");
}

__attribute__((section("evonas_text"), aligned(4), used)) void evonas_fault(void)
{
    semihosting(0x04, fault_);
    for (;;)
        evonas_exit();
}

/* Small, as it is counted: the network's flash holds its startup. */
__attribute__((optimize("Os"))) void evonas_begin(void)
{
    volatile uint32_t *from = &evonas_data_source, *to = &evonas_data_begin;

    while (to < &evonas_data_end)
        *to++ = *from++;
    for (to = &evonas_bss_begin; to < &evonas_bss_end; to++)
        *to = 0;
    evonas_main();
}

EVONAS_OUTSIDE void evonas_write(const char *text)
{
    semihosting(0x04, text);
}

EVONAS_OUTSIDE void evonas_exit(void)
{
    semihosting(0x18, (const void *)0x20026);
}

EVONAS_OUTSIDE void evonas_start(void)
{
}

EVONAS_OUTSIDE uint32_t evonas_count(void)
{
    uint32_t count;

    __asm__ volatile(".option push\n\t.option arch, +zicsr\n\tcsrr %0, minstret\n\t.option pop" : "=r"(count) : : "memory");
    return count;
}
