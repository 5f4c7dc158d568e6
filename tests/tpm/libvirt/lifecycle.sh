# A machine below libvirt has our TPM: defined, started, snapshot, reverted, saved and restored, undefined
set -eu
. "$LIB"
enter "$@"
empty_libvirt
export LIBVIRT_DEFAULT_URI=qemu:///system
virtlogd -d
libvirtd -d
await_libvirt
make_guest
qemu-img create -q -f qcow2 disk 1M
chmod 666 disk

install_guest --disk path=$HERE/disk,format=qcow2
say 3
cat /var/log/swtpm/libvirt/qemu/guest-swtpm.log
grep -q 'VERSION 2' console
grep -q '^RSA 800100000[0-9a-f]*00000000' console
grep -q '^ECC 800100000[0-9a-f]*00000000' console
[ "$(grep -c '^CERT 800100000[0-9a-f]*00000000' console)" = 3 ]
grep -q 'Successfully created NVRAM area 0x1c08000' /var/log/swtpm/libvirt/qemu/guest-swtpm.log
uuid=$(virsh domuuid guest)
state=/var/lib/libvirt/swtpm/$uuid
[ -d "$state" ]
if [ -z "${PEER:-}" ]; then
    [ "$(readlink /proc/$(swtpms)/exe)" = "$HERE/ironroot" ]
fi

# A snapshot has the TPM as it was: the count of the guest and the PCR go back together.
virsh snapshot-create-as guest one
say 4
before=$(last 1)
virsh snapshot-revert guest one
say 1
[ "$(last 1)" -lt "$before" ]
say 3

# Out into a file, and in again: what is volatile in the TPM goes with the machine.
virsh save guest saved
[ -z "$(swtpms)" ]
before=$(last 1)
virsh restore saved
say 3
[ "$(last 1)" -gt "$before" ]

# Off and on: what is not volatile is there.
virsh destroy guest
[ -z "$(swtpms)" ]
total=$(last 2)
virsh start guest
say 2
grep '^OLD' console
[ "$(grep '^OLD' console | tail -1 | tr -dc 0-9)" -ge "$total" ]
[ "$(last 1)" -lt "$total" ]

virsh destroy guest
virsh undefine guest --snapshots-metadata
[ ! -e "$state" ]
[ -z "$(swtpms)" ]

judge 2 16
