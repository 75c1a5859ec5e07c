/* This machine as a target: nothing is counted, and the C library writes. */
#include "evonas_port.h"

#include <stdio.h>
#include <stdlib.h>

EVONAS_OUTSIDE void evonas_start(void)
{
}

EVONAS_OUTSIDE uint32_t evonas_count(void)
{
    return 0;
}

EVONAS_OUTSIDE void evonas_write(const char *text)
{
    fputs(text, stdout);
}

EVONAS_OUTSIDE void evonas_exit(void)
{
    exit(0);
}

int main(void)
{
    evonas_main();
    return 0;
}
