/* Uses every service of the secure world from C, and offers it the application's own image as an update. */
#include "board.h"
#include "services.h"

#include "psa/update.h"

/* Where the bootloader loaded this application, header first (ARCHITECTURE.md, "Memory map"). */
#define OWN_IMAGE ((const uint8_t *)0x00200000)

static uint32_t little_endian(const uint8_t *bytes, int count)
{
    uint32_t value = 0;
    while (count-- > 0) {
        value = value << 8 | bytes[count];
    }
    return value;
}

/* MCUboot's format: header, payload, protected TLVs, and TLVs that begin with a magic and their length. */
static uint32_t own_length(void)
{
    const uint32_t signed_length = little_endian(OWN_IMAGE + 8, 2) +
                                   little_endian(OWN_IMAGE + 12, 4) +
                                   little_endian(OWN_IMAGE + 10, 2);
    return signed_length + little_endian(OWN_IMAGE + signed_length + 2, 2);
}

/* It is whole and signed, so it passes every check but one: it is not newer than itself. A block that was
 * altered is found out. */
static int offers_itself(int altered)
{
    const uint32_t length = own_length();
    static uint8_t block[PSA_FWU_MAX_WRITE_SIZE];
    psa_fwu_component_info_t info;
    psa_status_t status = psa_fwu_start(1, NULL, 0);

    for (uint32_t at = 0; status == PSA_SUCCESS && at < length; at += sizeof block) {
        const uint32_t left = length - at;
        const uint32_t size = left < sizeof block ? left : sizeof block;
        for (uint32_t i = 0; i < size; i++) {
            block[i] = OWN_IMAGE[at + i];
        }
        block[100] ^= altered && at == 2 * sizeof block;
        status = psa_fwu_write(1, at, block, size);
    }
    if (status != PSA_SUCCESS || psa_fwu_query(1, &info) != PSA_SUCCESS ||
        info.impl.written < length) {
        return 0;
    }
    status = psa_fwu_finish(1);
    return status == (altered ? PSA_ERROR_INVALID_SIGNATURE : PSA_ERROR_NOT_PERMITTED) &&
           psa_fwu_query(1, &info) == PSA_SUCCESS && info.state == PSA_FWU_FAILED &&
           info.error == status &&
           (altered || info.impl.reason == IRONROOT_FWU_REASON_NOT_NEWER) &&
           psa_fwu_clean(1) == PSA_SUCCESS;
}

static int updates(void)
{
    psa_fwu_component_info_t info;

    return psa_fwu_query(1, &info) == PSA_ERROR_NOT_SUPPORTED ||
           (offers_itself(0) && offers_itself(1));
}

int main(void)
{
    int failed;

    board_say("an521-app-c: a C application in the non-secure world");
    failed = use_every_service(board_say);
    if (updates()) {
        board_say("own image as an update: ok");
    } else {
        board_say("own image as an update: FAILED");
        failed++;
    }
    board_say(failed == 0 ? "an521-app-c: 0 steps failed" : "an521-app-c: some steps failed");
    return failed != 0;
}
