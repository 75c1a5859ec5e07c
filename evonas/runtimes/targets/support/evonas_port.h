/* What a port does for the program that measures a network on a target.
 *
 * A port is the startup code of a target and these functions. Code and constants that are marked with
 * EVONAS_OUTSIDE and EVONAS_CONSTANT are not counted as the network's.
 */
#ifndef EVONAS_PORT_H
#define EVONAS_PORT_H

#include <stdint.h>

#define EVONAS_OUTSIDE __attribute__((section("evonas_text"), noinline))
#define EVONAS_CONSTANT __attribute__((section("evonas_rodata"), aligned(8)))

/* An output of a network, and its bits. */
typedef union {
    float number;
    int32_t integer;
    uint32_t bits;
} evonas_output;

/* Given by the port: begins counting, the count so far, writes text that ends with a zero, and ends the run. */
void evonas_start(void);
uint32_t evonas_count(void);
void evonas_write(const char *text);
void evonas_exit(void);

/* Called by the port when memory is ready. */
void evonas_main(void);

#endif
