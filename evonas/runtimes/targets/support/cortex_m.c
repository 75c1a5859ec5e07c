/* Startup of a Cortex-M under an emulator: vectors, memory, the FPU; text goes out by semihosting.
 *
 * The timer that counts is the TIMER of the nRF51 with -DEVONAS_NRF51, else the first timer of the CMSDK
 * (at 25 MHz on the MPS2 boards).
 */
#include "evonas_port.h"

extern uint32_t evonas_stack_top, evonas_data_source, evonas_data_begin, evonas_data_end, evonas_bss_begin,
    evonas_bss_end;

void evonas_reset(void);

EVONAS_OUTSIDE static void semihosting(uint32_t operation, const void *argument)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;

    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

static const char fault_[] EVONAS_CONSTANT = "\nevonas-fault\n";

EVONAS_OUTSIDE static void fault(void)
{
    semihosting(0x04, fault_);
    for (;;)
        evonas_exit();
}

__attribute__((section(".vectors"), used)) static const struct {
    uint32_t *stack;
    void (*handlers[15])(void);
} vectors = {&evonas_stack_top, {evonas_reset, fault, fault, fault, fault, fault, 0, 0, 0, 0, fault, fault, 0, fault,
                                 fault}};

/* Small, as it is counted: the network's flash holds its startup. */
__attribute__((optimize("Os"))) void evonas_reset(void)
{
    volatile uint32_t *from = &evonas_data_source, *to = &evonas_data_begin;

    while (to < &evonas_data_end)
        *to++ = *from++;
    for (to = &evonas_bss_begin; to < &evonas_bss_end; to++)
        *to = 0;
#ifdef __ARM_FP
    *(volatile uint32_t *)0xe000ed88 |= 15u << 20;
    __asm__ volatile("dsb\n\tisb");
#endif
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

#ifdef EVONAS_NRF51
#define TIMER(offset) (*(volatile uint32_t *)(0x40008000 + (offset)))

EVONAS_OUTSIDE void evonas_start(void)
{
    TIMER(0x508) = 3; /* 32 bits */
    TIMER(0x510) = 0; /* 16 MHz */
    TIMER(0x000) = 1;
}

EVONAS_OUTSIDE uint32_t evonas_count(void)
{
    TIMER(0x040) = 1;
    return TIMER(0x540);
}
#else
#define TIMER(offset) (*(volatile uint32_t *)(0x40000000 + (offset)))

EVONAS_OUTSIDE void evonas_start(void)
{
    TIMER(0x8) = 0xffffffff; /* reload, and value, from which it counts down */
    TIMER(0x4) = 0xffffffff;
    TIMER(0x0) = 1;
}

EVONAS_OUTSIDE uint32_t evonas_count(void)
{
    return 0u - TIMER(0x4);
}
#endif
