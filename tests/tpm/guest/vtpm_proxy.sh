# A Linux guest gets its /dev/tpm0 from our program, run inside the guest: swtpm chardev --vtpm-proxy
# KERNEL: Debian's cloud kernel, with the module of /dev/vtpmx beside it; BUSYBOX; IRONROOT
set -eu
mkdir -p root/bin root/dev root/proc root/sys root/etc root/run root/user
cp "$BUSYBOX" root/bin/busybox
cp "$(dirname "$KERNEL")/tpm_vtpm_proxy.ko" root/
# Without what a debugger wants: the guest unpacks it into memory.
strip --strip-debug -o root/bin/ironroot "$IRONROOT"
for library in $(ldd "$IRONROOT" | grep -o '/[^ ]*'); do
    mkdir -p "root$(dirname "$library")"
    cp -L "$library" "root$library"
done
ln -s ironroot root/bin/swtpm
ln -s ironroot root/bin/swtpm_ioctl
printf 'root:x:0:0::/:/bin/sh\nuser:x:7:7::/user:/bin/sh\n' >root/etc/passwd
printf 'root:x:0:\nuser:x:7:\n' >root/etc/group
cat >root/init <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
insmod /tpm_vtpm_proxy.ko
device() {
    exec 3<>/dev/$1
    printf "$2" >&3
    dd bs=4096 count=1 <&3 2>/dev/null | hexdump -v -e '1/1 "%02x"'
    exec 3>&-
}
run() { "$@" 2>&1; echo "STATUS $?"; }
await() {
    for i in $(seq 200); do
        eval "$1" && return
        sleep 0.1
    done
    echo "NEVER $1"
    cat /run/log
    poweroff -f
}
# Who may not make a device is told so.
chown user /user
run swtpm chardev --vtpm-proxy --tpm2 --tpmstate dir=/user/none --runas user
run swtpm chardev --vtpm-proxy --tpm2 --tpmstate dir=/run/none --fd 9 9<>/dev/null
ls /run/none
run swtpm chardev --vtpm-proxy --tpm2 --tpmstate dir=/run/state --ctrl type=unixio,path=/run/control \
    --log file=/run/log --pid file=/run/pid --daemon
# The kernel tests it and starts it up before it shows it.
await '[ -e /dev/tpm0 ] && [ -e /dev/tpmrm0 ]'
echo "VERSION $(cat /sys/class/tpm/tpm0/tpm_version_major)"
echo "PCR0 $(cat /sys/class/tpm/tpm0/pcr-sha256/0)"
getrandom='\x80\x01\x00\x00\x00\x0c\x00\x00\x01\x7b\x00\x10'
echo "RANDOM $(device tpm0 $getrandom)"
echo "MANAGED $(device tpmrm0 $getrandom)"
# PCR_Extend 16 by password session, SHA-256 of 32 times 0x11
extend='\x80\x02\x00\x00\x00\x41\x00\x00\x01\x82\x00\x00\x00\x10\x00\x00\x00\x09\x40\x00\x00\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x0b'
for i in $(seq 32); do extend="$extend\\x11"; done
echo "EXTEND $(device tpm0 $extend)"
echo "PCR16 $(cat /sys/class/tpm/tpm0/pcr-sha256/16)"
# CreatePrimary of a storage key on P-256: a key, and the resource manager's way of keeping it
primary='\x80\x02\x00\x00\x00\x43\x00\x00\x01\x31\x40\x00\x00\x01\x00\x00\x00\x09\x40\x00\x00\x09\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00\x00\x1a\x00\x23\x00\x0b\x00\x03\x04\x72\x00\x00\x00\x06\x00\x80\x00\x43\x00\x10\x00\x03\x00\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00'
echo "PRIMARY $(device tpmrm0 $primary | cut -c1-20)"
# What the kernel lets through and no TPM takes: a command of six bytes. What it does not: the one that sets the locality.
echo "SHORT $(device tpm0 '\x80\x01\x00\x00\x00\x06')"
echo "LOCALITY <$(device tpm0 '\x80\x01\x00\x00\x00\x0b\x20\x00\x10\x00\x04')>"
echo "AGAIN $(device tpm0 $getrandom)"
echo "CONTROL $(swtpm_ioctl --unix /run/control -e)"
grep Seccomp: /proc/$(cat /run/pid)/status
# It ends, the device goes; the state stays, and another device has it.
swtpm_ioctl --unix /run/control -s
await '[ ! -e /dev/tpm0 ]'
cat /run/log
run swtpm chardev --vtpm-proxy --tpm2 --tpmstate dir=/run/state --daemon --pid file=/run/pid
await '[ -e /dev/tpm0 ]'
echo "ANEW $(cat /sys/class/tpm/tpm0/pcr-sha256/16)"
kill "$(cat /run/pid)"
await '[ ! -e /dev/tpm0 ]'
dmesg | grep -i tpm
echo DONE
poweroff -f
INIT
chmod +x root/init
(cd root && find . | "$BUSYBOX" cpio -o -H newc 2>/dev/null) | gzip -1 >initrd
# The guest's clock counts its instructions: the kernel's patience with a TPM does not depend on what else runs here.
timeout 200 qemu-system-x86_64 -accel tcg -icount shift=0,sleep=off -m 512 -nographic -nic none -no-reboot -kernel "$KERNEL" -initrd initrd \
    -append 'console=ttyS0 quiet panic=-1' </dev/null >console 2>&1
tr -d '\r' <console >said
cat said
has() { grep -Eq -- "$1" said; }
lacks() { if has "$1"; then return 1; fi; }
lacks NEVER
has 'cannot make a TPM of the kernel.s by /dev/vtpmx'
has 'Cannot use vTPM proxy with a provided device'
has '/run/none: No such file'
[ "$(grep -c '^New TPM device: /dev/tpm0 (major/minor = [0-9]*/[0-9]*)$' said)" = 2 ]
[ "$(grep '^STATUS' said | tr -dc 0-9)" = 1100 ]
has '^VERSION 2$'
has '^PCR0 0{64}$'
has '^RANDOM 80010000001c000000000010[0-9a-f]{32}$'
has '^MANAGED 80010000001c000000000010[0-9a-f]{32}$'
has '^AGAIN 80010000001c000000000010[0-9a-f]{32}$'
[ "$(grep -E '^(RANDOM|MANAGED|AGAIN)' said | cut -d' ' -f2 | sort -u | wc -l)" = 3 ]
has '^EXTEND 80020000001300000000'
expected=$( (head -c 32 /dev/zero; printf '\x11%.0s' $(seq 32)) | sha256sum | cut -d' ' -f1)
grep -qi "^PCR16 $expected$" said
has '^PRIMARY 8002[0-9a-f]{8}00000000$'
has '^SHORT 80010000000a00000142$'
has '^LOCALITY <>$'
has '^CONTROL tpmEstablished is 0$'
lacks 'Timed out'
has '^Seccomp:.*2$'
has '^ANEW 0{64}$'
has '^DONE$'
