# A machine below libvirt has our TPM: defined, started, snapshot, reverted, migrated out and in, undefined
# libvirt finds swtpm's programs by its path, and runs them as user tss. All of it is in namespaces of its own: the
# machine's libvirt is not touched, and every process ends with this one.
set -eu
if [ "${1:-}" != inside ]; then
    # Other users must reach the program; where it was built they may not.
    cp "$IRONROOT" "$HERE/ironroot"
    "$HERE/ironroot" tpm install-links "$HERE/links" >/dev/null
    exec unshare --mount --pid --fork --kill-child --mount-proc bash -x "$0" inside
fi
cd "$HERE"
case ${PEER:-} in swtpm) ;; *) export PATH=$HERE/links:$PATH ;; esac
PATH=$PATH:/usr/sbin

mount --make-rprivate /
mkdir -p etc
cp -a /etc/libvirt/. etc/
for folder in /etc/libvirt /run/libvirt /var/lib/libvirt /var/log/libvirt /var/cache/libvirt /var/log/swtpm \
    /var/lib/swtpm-localca; do
    mkdir -p $folder
    mount -t tmpfs -o mode=755 tmpfs $folder
done
cp -a etc/. /etc/libvirt/
cat >>/etc/libvirt/qemu.conf <<'CONF'
security_driver = "none"
namespaces = []
cgroup_controllers = []
CONF
chown tss /var/lib/swtpm-localca
# Debian's file names Debian's tool.
if [ -z "${PEER:-}" ] && [ -e /etc/swtpm_setup.conf ]; then
    sed "s,/usr/bin/swtpm_localca,$HERE/links/swtpm_localca," /etc/swtpm_setup.conf >setup.conf
    mount --bind setup.conf /etc/swtpm_setup.conf
fi
export LIBVIRT_DEFAULT_URI=qemu:///system
virtlogd -d
libvirtd -d
for _ in $(seq 200); do virsh version >/dev/null 2>&1 && break; sleep 0.1; done
virsh domcapabilities --virttype qemu | grep -A99 '<tpm' | grep emulator >/dev/null

# The guest extends a PCR and counts in an index, again and again, and says what it finds.
mkdir -p root/bin root/dev root/proc root/sys
cp "$BUSYBOX" root/bin/busybox
cat >root/init <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
tpm() {
    exec 3<>/dev/tpm0
    printf "$1" >&3
    dd bs=4096 count=1 <&3 2>/dev/null | hexdump -v -e '1/1 "%02x"'
    exec 3>&-
}
owner='\x40\x00\x00\x01'
index='\x01\x50\x00\x01'
password='\x00\x00\x00\x09\x40\x00\x00\x09\x00\x00\x00\x00\x00'
echo "VERSION $(cat /sys/class/tpm/tpm0/tpm_version_major)"
# ReadPublic of the endorsement keys, NV_ReadPublic of the certificates
echo "RSA $(tpm '\x80\x01\x00\x00\x00\x0e\x00\x00\x01\x73\x81\x01\x00\x01')"
echo "ECC $(tpm '\x80\x01\x00\x00\x00\x0e\x00\x00\x01\x73\x81\x01\x00\x16')"
for certificate in '\x01\xc0\x00\x02' '\x01\xc0\x00\x16' '\x01\xc0\x80\x00'; do
    echo "CERT $(tpm "\x80\x01\x00\x00\x00\x0e\x00\x00\x01\x69$certificate")"
done
# NV_DefineSpace, four bytes; at the second start it is there.
define="\x80\x02\x00\x00\x00\x2d\x00\x00\x01\x2a$owner$password\x00\x00\x00\x0e$index\x00\x0b\x02\x02\x00\x02\x00\x00\x00\x04"
total=0
case $(tpm "$define") in
80020000001300000000*) echo NEW ;;
*)
    was=$(tpm "\x80\x02\x00\x00\x00\x23\x00\x00\x01\x4e$owner$index$password\x00\x04\x00\x00")
    total=$((0x$(echo "$was" | cut -c33-40)))
    echo "OLD $total"
    ;;
esac
count=0
while true; do
    tpm '\x80\x02\x00\x00\x00\x41\x00\x00\x01\x82\x00\x00\x00\x10\x00\x00\x00\x09\x40\x00\x00\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x0b\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11' >/dev/null
    count=$((count + 1))
    total=$((total + 1))
    bytes=$(printf '\\x%02x\\x%02x' $((total / 256)) $((total % 256)))
    tpm "\x80\x02\x00\x00\x00\x27\x00\x00\x01\x37$owner$index$password\x00\x04\x00\x00$bytes\x00\x00" >/dev/null
    was=$(tpm "\x80\x02\x00\x00\x00\x23\x00\x00\x01\x4e$owner$index$password\x00\x04\x00\x00")
    echo "STATE $count $total $((0x$(echo "$was" | cut -c33-40))) $(cat /sys/class/tpm/tpm0/pcr-sha256/16)"
    sleep 0.2
done
INIT
chmod +x root/init
(cd root && find . | "$BUSYBOX" cpio -o -H newc 2>/dev/null) | gzip -1 >initrd
cp "$KERNEL" vmlinuz
qemu-img create -q -f qcow2 disk 1M
touch console
chmod 666 initrd vmlinuz disk console

# say COUNT: waits until the guest has said so many lines more
say() {
    local wanted=$(($(grep -c '^STATE' console) + $1))
    for _ in $(seq 600); do
        [ "$(grep -c '^STATE' console)" -ge $wanted ] && return
        sleep 0.2
    done
    tail -5 console
    return 1
}
last() { grep '^STATE.*[0-9A-F]\{64\}' console | tail -1 | cut -d' ' -f$((1 + $1)); }
swtpms() { pgrep -u tss -f 'swtpm socket' || true; }

virt-install --virt-type qemu --name guest --memory 192 --osinfo detect=off,require=off --import \
    --disk path=$HERE/disk,format=qcow2 --network none --graphics none --noautoconsole --memballoon none \
    --serial file,path=$HERE/console --xml ./devices/serial/source/@append=on \
    --boot "kernel=$HERE/vmlinuz,initrd=$HERE/initrd,kernel_args=console=ttyS0 quiet panic=-1" \
    --tpm backend.type=emulator,backend.version=2.0,model=tpm-crb
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

# Every line that the guest ever said: the PCR is that of its count, and the index has its total.
python3 - console <<'CHECK'
import hashlib, re, sys
lines = [line.split() for line in open(sys.argv[1], errors="replace") if re.fullmatch(r"STATE \d+ \d+ \d+ [0-9A-F]{64}\s*", line)]
assert len(lines) >= 16, len(lines)
def chain(count):
    pcr = bytes(32)
    for _ in range(count):
        pcr = hashlib.sha256(pcr + b"\x11" * 32).digest()
    return pcr.hex().upper()
for _, count, total, index, pcr in lines:
    assert index == total, (count, total, index)
    assert pcr == chain(int(count)), (count, pcr)
counts = [int(line[1]) for line in lines]
assert sum(1 for a, b in zip(counts, counts[1:]) if b <= a) == 2, counts
CHECK
