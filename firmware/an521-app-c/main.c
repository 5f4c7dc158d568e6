/* Uses every service of the secure world from C. */
#include "board.h"
#include "services.h"

int main(void)
{
    int failed;

    board_say("an521-app-c: a C application in the non-secure world");
    failed = use_every_service(board_say);
    board_say(failed == 0 ? "an521-app-c: 0 steps failed" : "an521-app-c: some steps failed");
    return failed != 0;
}
