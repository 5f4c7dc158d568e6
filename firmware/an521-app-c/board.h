/* What the application needs of the board. */
#ifndef BOARD_H
#define BOARD_H

#include <stdint.h>

/* Writes one line on the console. */
void board_say(const char *line);

/* Ends the emulation with an exit code. */
_Noreturn void board_exit(uint32_t code);

/* The application; its result is the exit code. */
int main(void);

#endif
