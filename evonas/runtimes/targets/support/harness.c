/* Runs a network on samples that are linked with it, and writes of each the count, the stack and the outputs.
 *
 * All numbers are written as eight hexadecimal digits, so that no function of the C library is needed.
 */
#include "evonas_port.h"

/* The network's function by its name in C; its inputs are bytes, words, floats or doubles, its outputs floats or
 * integers of 32 bits.
 */
extern void evonas_network(const void *x, void *outputs);

/* Samples one after the other; written for each data set. */
extern const unsigned char evonas_samples[];
extern const uint32_t evonas_n_samples, evonas_sample_bytes, evonas_n_outputs;
extern evonas_output evonas_outputs[];

/* Bytes of stack that are watched, a multiple of 4. */
#ifndef EVONAS_STACK
#define EVONAS_STACK 4096
#endif
#define PAINT 0xA5C3F1E7u

static const char begin_[] EVONAS_CONSTANT = "\nevonas-begin";
static const char sample_[] EVONAS_CONSTANT = "\nsample";
static const char idle_[] EVONAS_CONSTANT = "\nidle";
static const char end_[] EVONAS_CONSTANT = "\nevonas-end\n";

EVONAS_OUTSIDE static void put(uint32_t value)
{
    char text[10];
    int i;

    text[0] = ' ';
    for (i = 8; i > 0; i--, value >>= 4)
        text[i] = (char)((value & 15) < 10 ? '0' + (value & 15) : 'a' - 10 + (value & 15));
    text[9] = 0;
    evonas_write(text);
}

/* An address a few bytes from the place where the frame of a function that is called now begins. */
EVONAS_OUTSIDE static uintptr_t top(void)
{
    return (uintptr_t)__builtin_frame_address(0) + 2 * sizeof(void *);
}

/* Paints the stack below the caller's frame, or returns the lowest address that has lost its paint. */
EVONAS_OUTSIDE static uintptr_t stack(int paint)
{
    volatile uint32_t area[EVONAS_STACK / 4];
    unsigned i;

    __asm__ volatile("" : "=m"(area)); /* what the stack holds is read on purpose */
    if (paint) {
        for (i = 0; i < EVONAS_STACK / 4; i++)
            area[i] = PAINT;
        return 0;
    }
    for (i = 0; i < EVONAS_STACK / 4 && area[i] == PAINT; i++)
        continue;
    return (uintptr_t)&area[i];
}

EVONAS_OUTSIDE void evonas_main(void)
{
    const unsigned char *x = evonas_samples;
    uint32_t sample, i, first, second, third;
    uintptr_t end, low;

    evonas_start();
    evonas_write(begin_);
    first = evonas_count();
    second = evonas_count();
    evonas_write(idle_);
    put(second - first);
    for (sample = 0; sample < evonas_n_samples; sample++, x += evonas_sample_bytes) {
        end = top();
        stack(1);
        second = evonas_count();
        evonas_network(x, evonas_outputs);
        third = evonas_count();
        low = stack(0);
        evonas_write(sample_);
        put(third - second);
        put(end > low ? (uint32_t)(end - low) : 0);
        for (i = 0; i < evonas_n_outputs; i++)
            put(evonas_outputs[i].bits);
    }
    evonas_write(end_);
    evonas_exit();
}
