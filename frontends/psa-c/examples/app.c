/* A C program on a host that uses the services of a device.
 *
 *   gcc -Iinclude examples/app.c examples/services.c -lironroot_psa_c -o app
 *   ./app [SOCKET]            (or the socket's path in IRONROOT_DEVICE) */
#include <stdio.h>

#include "ironroot.h"
#include "services.h"

static void say(const char *line) { puts(line); }

int main(int argc, char **argv)
{
    const psa_status_t status = psa_ironroot_connect(argc > 1 ? argv[1] : NULL);
    if (status != PSA_SUCCESS) {
        fprintf(stderr, "no device: status %d\n", (int)status);
        return 2;
    }
    return use_every_service(say) == 0 ? 0 : 1;
}
