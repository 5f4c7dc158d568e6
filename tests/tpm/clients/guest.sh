# A Linux guest in QEMU finds a working /dev/tpm0, by both interfaces and with either kind of firmware commands
# CTRL: the control socket; INTERFACE: tpm-tis or tpm-crb; KERNEL: Debian's cloud kernel; BUSYBOX
. "$LIB"
mkdir -p root/bin root/dev root/proc root/sys
cp "$BUSYBOX" root/bin/busybox
cat >root/init <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
command() {
    exec 3<>/dev/tpm0
    printf "$1" >&3
    dd bs=4096 count=1 <&3 2>/dev/null | hexdump -v -e '1/1 "%02x"'
    exec 3>&-
    echo
}
echo "VERSION $(cat /sys/class/tpm/tpm0/tpm_version_major)"
echo "RANDOM $(command '\x80\x01\x00\x00\x00\x0c\x00\x00\x01\x7b\x00\x10')"
echo "SELFTEST $(command '\x80\x01\x00\x00\x00\x0b\x00\x00\x01\x43\x01')"
# PCR_Extend 16 by password session, SHA-256 of 32 times 0x11
echo "EXTEND $(command '\x80\x02\x00\x00\x00\x41\x00\x00\x01\x82\x00\x00\x00\x10\x00\x00\x00\x09\x40\x00\x00\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x0b\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11')"
echo "PCR16 $(cat /sys/class/tpm/tpm0/pcr-sha256/16)"
dmesg | grep -i tpm
echo DONE
poweroff -f
INIT
chmod +x root/init
(cd root && find . | "$BUSYBOX" cpio -o -H newc 2>/dev/null) | gzip -1 >initrd
timeout 100 qemu-system-x86_64 -accel tcg -m 192 -nographic -no-reboot -kernel "$KERNEL" -initrd initrd \
    -append 'console=ttyS0 quiet panic=-1 tpm_tis.force=0' \
    -chardev "socket,id=c,path=$CTRL" -tpmdev emulator,id=t,chardev=c -device "$INTERFACE,tpmdev=t" </dev/null >console 2>&1
cat console
grep -q 'VERSION 2' console
grep -Eq 'RANDOM 80010000001c000000000010[0-9a-f]{32}' console
grep -q 'SELFTEST 80010000000a00000000' console
grep -q 'EXTEND 80020000001300000000' console
expected=$( (head -c 32 /dev/zero; printf '\x11%.0s' $(seq 32)) | sha256sum | cut -d' ' -f1)
grep -qi "PCR16 $expected" console
grep -q DONE console
