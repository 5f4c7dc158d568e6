# A machine moves from one libvirt to another while it runs, with its TPM's state on storage that both share
# libvirt asks the system whether a folder is on a network's storage; here the answer is that it is. Then it starts the
# TPM on either side with the options for that: who sends lets go of the lock, who receives takes it late.
set -eu
. "$LIB"
enter "$@"
make_guest
cat >as_nfs.c <<'C'
#define _GNU_SOURCE
#include <string.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>
/* The real answer, but for the kind: NFS_SUPER_MAGIC for the TPMs' folder. */
static int ask(const char *path, void *out)
{
    int failed = syscall(SYS_statfs, path, out);
    if (!failed && strstr(path, "/libvirt/swtpm"))
        ((struct statfs *)out)->f_type = 0x6969;
    return failed;
}
int statfs(const char *path, struct statfs *out) { return ask(path, out); }
int statfs64(const char *path, struct statfs64 *out) { return ask(path, out); }
C
cc -shared -fPIC -o as_nfs.so as_nfs.c
mkdir -m 711 tpms
export SHARED=$HERE/tpms
two_libvirts

LIBVIRT_DEFAULT_URI=$here install_guest --disk none
say 3
options() { tr '\0' ' ' <"/proc/$(swtpms)/cmdline"; }
options | grep -- '--migration release-lock-outgoing '
virsh -c "$here" migrate --live --persistent --undefinesource guest "$there" --migrateuri "unix://$HERE/streams/out"
options | grep -- '--migration release-lock-outgoing,incoming '
before=$(last 1)
say 3
[ "$(last 1)" -gt "$before" ]
# One folder, and no state but this one.
[ "$(find tpms -name tpm.state | wc -l)" = 1 ]
virsh -c "$there" destroy guest
virsh -c "$there" undefine guest
[ -z "$(swtpms)$(find tpms -name tpm.state)" ]
judge 0 6
