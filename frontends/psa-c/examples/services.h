/* One honest use of every service, on any device. */
#ifndef IRONROOT_EXAMPLE_SERVICES_H
#define IRONROOT_EXAMPLE_SERVICES_H

/* Shows one line of text, without its end of line. */
typedef void (*say_line)(const char *line);

/* Uses every service and shows how it went; the number of steps that failed. */
int use_every_service(say_line say);

#endif
