#!/bin/sh
# Builds the application. README.md says what the variables are.
set -eu
here=$(dirname "$0")
root=$here/../..
psa=$root/frontends/psa-c
: "${CC:=arm-none-eabi-gcc}"
: "${IRONROOT_VENEERS:?name the import object of the secure image in IRONROOT_VENEERS (cargo xtask makes it)}"
: "${IRONROOT_LIBRARY:?name libironroot_psa_c.a in IRONROOT_LIBRARY (cargo xtask makes it)}"
: "${OUT:?name the ELF to write in OUT}"
exec "$CC" -mcpu=cortex-m33+nodsp+nofp -mthumb -mfloat-abi=soft -Os -std=c11 -ffreestanding \
    -Wall -Wextra -Wpedantic -Werror -fno-common -ffunction-sections -fdata-sections \
    -I"$psa/include" -I"$psa/examples" \
    "$here/startup.c" "$here/main.c" "$psa/examples/services.c" \
    "$IRONROOT_LIBRARY" "$IRONROOT_VENEERS" -lgcc \
    -nostdlib -T"$root/ports/armv8m/link/nonsecure.x" -Wl,--gc-sections -Wl,-z,noexecstack -Wl,--no-warn-rwx-segments \
    -o "$OUT"
