# systemd runs the services of packaging/ in a guest: their users, their walls, AppArmor's profile, a restart
# KERNEL: Debian's cloud kernel; BUSYBOX; IRONROOT; PACKAGING. The rest is this machine's: systemd, AppArmor, tpm2-tools.
set -eu
mkdir -p root/usr/bin root/usr/sbin root/usr/lib root/usr/lib64 root/dev root/proc root/sys root/run root/etc root/var/lib
for folder in bin sbin lib lib64; do ln -s usr/$folder root/$folder; done
# take OPTIONS: the files whose names come, by whatever links are on the way
take() { sed 's,^/,,' | tar -C / --no-recursion "$@" -cf - -T - | tar -C root --keep-directory-symlink -xf -; }
for package in systemd apparmor tpm2-tools; do dpkg -L $package; done |
    grep -Ev '^/usr/(share/(doc|man|locale|bash-completion|zsh|polkit-1|dbus-1|lintian)|lib/systemd/catalog)/' | take
strip --strip-debug -o root/usr/bin/ironroot "$IRONROOT"
cp "$BUSYBOX" root/usr/bin/busybox
for tool in mount kill; do ln -s busybox root/usr/bin/$tool; done
ls /usr/lib/x86_64-linux-gnu/libtss2-tcti-swtpm.so.0 /usr/lib/x86_64-linux-gnu/libtss2-tctildr.so.0 | take -h
find root/usr -type f \( -perm -u+x -o -name '*.so*' \) -print0 | xargs -0 ldd 2>/dev/null |
    grep -o '/[^ ]*\.so[^ ]*' | sort -u | take -h
cp "$PACKAGING"/systemd/*.service root/usr/lib/systemd/system/
cp "$PACKAGING/apparmor/ironroot-tpm" root/etc/apparmor.d/
echo 'root:x:0:0::/:/bin/sh' >root/etc/passwd
echo 'root:x:0:' >root/etc/group
echo 0123456789abcdef0123456789abcdef >root/etc/machine-id
touch root/etc/fstab
cat >root/usr/lib/systemd/system/check.service <<'UNIT'
[Unit]
SuccessAction=poweroff-immediate
FailureAction=poweroff-immediate
[Service]
Type=oneshot
ExecStart=/check
StandardOutput=tty
StandardError=tty
TTYPath=/dev/console
UNIT
cat >root/init <<'INIT'
#!/usr/bin/busybox sh
# Services get a root of their own by pivot_root, which the first root of all does not allow.
/usr/bin/busybox mkdir /new
/usr/bin/busybox mount -t tmpfs -o mode=755 new /new
/usr/bin/busybox mv /usr /bin /sbin /lib /lib64 /etc /var /dev /proc /sys /run /check /new/
exec /new/usr/bin/busybox switch_root /new /lib/systemd/systemd
INIT
cat >root/check <<'CHECK'
#!/usr/bin/busybox sh
PATH=/usr/bin:/usr/sbin:/bb
busybox mkdir /bb
busybox --install -s /bb
await() {
    for i in $(seq 300); do
        eval "$1" && return
        sleep 0.1
    done
    echo "NEVER $1"
    journalctl -o cat -b --no-pager | tail -n 40
    exit 1
}
main() { systemctl show -P MainPID "$1"; }
# tpm FOLDER TOOL ARGUMENTS: over the sockets there; tpm2-tss looks for the control channel under another name.
tpm() {
    local place=$1 tool=$2
    shift 2
    ln -sf control "$place/commands.ctrl"
    "$tool" -T "swtpm:path=$place/commands" "$@"
}
apparmor_parser -r /etc/apparmor.d/ironroot-tpm && echo PROFILE
one=/run/ironroot-tpm/one
systemctl start ironroot-tpm@one
echo "START $(systemctl is-active ironroot-tpm@one)"
await "[ -S $one/control ]"
pid=$(main ironroot-tpm@one)
grep -E '^(Uid|CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/$pid/status
echo "APPARMOR $(cat /proc/$pid/attr/current)"
for kind in mnt net user; do
    [ "$(readlink /proc/$pid/ns/$kind)" != "$(readlink /proc/1/ns/$kind)" ] && echo "OWN $kind"
done
grep -o ' / / r[ow]' /proc/$pid/mountinfo
echo "STATE $(stat -c %a /var/lib/private/ironroot-tpm/one) $(stat -c %a /var/lib/private/ironroot-tpm/one/tpm.state)"
echo "SOCKETS $(stat -c %a $one) $(stat -c %a $one/commands) $(stat -c %a $one/control)"
echo "RANDOM $(tpm $one tpm2_getrandom --hex 16)"
tpm $one tpm2_changeauth -c owner secret && echo CHANGED
owned() { tpm $one tpm2_getcap properties-variable | grep ownerAuthSet; }
# It comes again when it is killed, with its state.
kill -9 $pid
await "[ \$(main ironroot-tpm@one) != $pid ] && [ -S $one/control ] && tpm $one tpm2_getrandom --hex 1 >/dev/null 2>&1"
echo "KILLED $(owned)"
systemctl restart ironroot-tpm@one
await "[ -S $one/control ]"
echo "RESTARTED $(owned)"
systemctl stop ironroot-tpm@one
echo "STOP $(systemctl is-active ironroot-tpm@one) $(systemctl show -P Result ironroot-tpm@one)"
[ -e $one ] || echo "GONE"
# All in one process.
all=/var/lib/ironroot-tpms
mkdir -p -m 700 /var/lib/private/ironroot-tpms/a /var/lib/private/ironroot-tpms/b
ln -s private/ironroot-tpms $all
systemctl start ironroot-tpms
await "[ -S $all/a/control ] && [ -S $all/b/control ]"
for name in a b; do echo "RANDOM $(tpm $all/$name tpm2_getrandom --hex 16)"; done
echo "APPARMOR $(cat /proc/$(main ironroot-tpms)/attr/current)"
mkdir -m 700 $all/c
chown "$(stat -c %u:%g $all/a)" $all/c
systemctl reload ironroot-tpms
await "[ -S $all/c/control ]"
echo "RANDOM $(tpm $all/c tpm2_getrandom --hex 16)"
systemctl stop ironroot-tpms
echo "STOP $(systemctl is-active ironroot-tpms) $(systemctl show -P Result ironroot-tpms)"
journalctl -o cat -b --no-pager -u 'ironroot*'
dmesg | grep -i 'apparmor="DENIED"'
echo DONE
CHECK
chmod +x root/init root/check
(cd root && find . | "$BUSYBOX" cpio -o -H newc 2>/dev/null) | gzip -1 >initrd
timeout 250 qemu-system-x86_64 -accel tcg -cpu max -m 768 -nographic -nic none -no-reboot -kernel "$KERNEL" \
    -initrd initrd -append 'console=ttyS0 quiet panic=-1 systemd.unit=check.service systemd.show_status=no' \
    </dev/null >console 2>&1
tr -d '\r' <console >said
cat said
has() { grep -Eq -- "$1" said; }
count() { [ "$(grep -Ec -- "$2" said)" = "$1" ]; }
count 0 NEVER
has '^PROFILE$'
has '^START active$'
# A user of its own that can do nothing; a filter; its own view of files, network and users; AppArmor's profile.
has '^Uid:	6[1-5][0-9]{3}	'
count 2 '^Cap(Eff|Bnd):	0{16}$'
has '^NoNewPrivs:	1$'
has '^Seccomp:	2$'
count 3 '^OWN (mnt|net|user)$'
has '^ / / ro$'
count 2 '^APPARMOR ironroot-tpm \(enforce\)$'
count 0 'apparmor="DENIED"'
count 0 'no pool of primes'
has '^STATE 700 600$'
has '^SOCKETS 700 600 600$'
count 4 '^RANDOM [0-9a-f]{32}$'
has '^CHANGED$'
count 2 '^(KILLED|RESTARTED) +ownerAuthSet: +1$'
count 2 '^STOP inactive success$'
has '^GONE$'
has '^DONE$'
