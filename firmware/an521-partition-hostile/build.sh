#!/bin/sh
# Builds the partition. The packer sets the three placement variables; OUT is the ELF to write.
set -eu
here=$(dirname "$0")
root=$here/../..
: "${CC:=arm-none-eabi-gcc}"
: "${OUT:?name the ELF to write in OUT}"
exec "$CC" -mcpu=cortex-m33+nodsp+nofp -mthumb -mfloat-abi=soft -Os -std=c11 -ffreestanding \
    -Wall -Wextra -Werror -Wno-infinite-recursion -fno-common -ffunction-sections \
    -I"$root/frontends/psa-c/include" "$here/partition.c" \
    "$root/frontends/psa-c/partition/psa_partition.c" \
    -nostdlib -T"$root/ports/armv8m/link/partition.x" -Wl,--no-warn-rwx-segments \
    -Wl,--defsym=__partition_code_base="${IRONROOT_PARTITION_CODE_BASE:-0x10070000}" \
    -Wl,--defsym=__partition_ram_base="${IRONROOT_PARTITION_RAM_BASE:-0x30014000}" \
    -Wl,--defsym=__partition_stack_size="${IRONROOT_PARTITION_STACK_SIZE:-0x400}" \
    -o "$OUT"
