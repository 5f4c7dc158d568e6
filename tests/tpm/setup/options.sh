# swtpm_setup takes and refuses the same words as Debian's, with the same exit status
. "$LIB"
configure theirs "$THEIRS"
configure ours "$OURS"
echo 0123456789abcdef0123456789abcdef >key
echo a passphrase >password
mkdir state files

# Both with Debian's TPM, each on an empty folder.
same() {
    for who in theirs ours; do
        rm -rf state
        mkdir state
        local tools=$THEIRS
        [ $who = ours ] && tools=$OURS
        echo "$(code timeout 60 "$tools/swtpm_setup" --tpm "$THEIRS/swtpm socket" --config $who.setup.conf "$@")" >$who.code
        (cd state && find . -type f ! -name log ! -name .lock | sort) >$who.files
    done
    diff -u theirs.code ours.code
    diff -u theirs.files ours.files
}
T='--tpm2 --tpmstate state'
same $T
same --tpm2
same
same $T operand
same --tpm2 --tpmstate
same --tpm2 --tpm-state dir://state
same --tpm2 --tpmst=state --not
same --tpm2 --tpm-state file://state/one
same --tpm2 --tpmstate nonexistent
same --tpm2 --tpmstate foo://state
same $T --bogus
same $T --config nonexistent
same $T --pcr-banks sha1,nonsense
same $T --pcr-banks nonsense
same $T --pcr-banks -
same $T --rsa-keysize 1024 --createek
same $T --rsa-keysize 4096 --createek
same $T --rsa-keysize max --createek
same $T --rsa-keysize 3072 --not-overwrite
same $T --cipher nonsense
same $T --keyfile nonexistent
same $T --keyfile key
same $T --pwdfile nonexistent
same $T --pwdfile password --cipher aes-256-cbc
same $T --keyfile-fd 77
same $T --runas nobody-of-that-name
same $T --tpm nonexistent
same $T --tpm cat
same $T --logfile nonexistent/log
same $T --logfile state/log
same $T --take-ownership
same $T --ownerpass x --owner-well-known --srkpass y --srk-well-known
same $T --tcsd-system-ps-file x --swtpm_ioctl y --display
same $T --write-ek-cert-files nonexistent --create-ek-cert
same $T --write-ek-cert-files files --create-ek-cert
same $T --reconfigure --createek
same $T --reconfigure
same --help --tpm2
ls files | diff -u - <(printf 'ek-rsa2048.crt\nek-secp384r1.crt\n')

# Refused clearly: a TPM 1.2.
[ "$(code "$OURS/swtpm_setup" --tpmstate state)" = 1 ]
grep -q 'tpm2' said
# A log file that is a link is refused, and what it points to is left alone.
ln -s "$HERE/precious" log
[ "$(code "$OURS/swtpm_setup" $T --logfile log)" = 1 ]
[ ! -e precious ]

# What is there stays, is replaced, or has its banks changed, by turns of the two.
rm -rf state
mkdir state
for tools in "$OURS" "$THEIRS"; do
    run="$tools/swtpm_setup --tpm2 --tpmstate state --tpm $THEIRS/swtpm --config ours.setup.conf"
    [ "$tools" = "$THEIRS" ] && run="$THEIRS/swtpm_setup --tpm2 --tpmstate state --config theirs.setup.conf"
    $run --overwrite --keyfile key
    [ "$(code $run)" = 1 ]
    before=$(sha256sum state/tpm2-00.permall)
    $run --not-overwrite
    $run --overwrite --not-overwrite
    [ "$(sha256sum state/tpm2-00.permall)" = "$before" ]
    # Encrypted, and only who has the key changes it. (Debian's waits for ever.)
    [ "$tools" = "$THEIRS" ] || [ "$(code $run --reconfigure)" = 1 ]
    $run --reconfigure --keyfile key --pcr-banks sha512
done

# As another user: what is made is that user's, and the folder must be.
if [ "$(id -u)" = 0 ]; then
    for who in theirs ours; do
        tools=$THEIRS
        [ $who = ours ] && tools=$OURS
        rm -rf state
        mkdir state
        run="$tools/swtpm_setup $T --runas tss --config $who.setup.conf"
        [ $who = ours ] && run="$run --tpm $THEIRS/swtpm"
        [ "$(code $run)" = 1 ]
        chown tss state
        $run | grep 'as tss:'
        stat -c %U:%G state/tpm2-00.permall | grep "^tss:$(id -gn tss)\$"
    done
fi

# JSON of the same form; only TPM 1.2 is left out.
"$OURS/swtpm_setup" --print-capabilities --tpm "$THEIRS/swtpm socket" >ours.json
"$THEIRS/swtpm_setup" --print-capabilities | sed 's/"tpm-1.2", //; s/"tpm12-not-need-root", //' >theirs.json
diff -u theirs.json ours.json

# An outside program makes the certificates: it is given the same words.
cat >tool <<'TOOL'
#!/bin/bash
printf '%s\n' "$@" >>"$WORDS"
while [ $# -gt 0 ]; do
    case $1 in --type) type=$2 ;; --dir) folder=$2 ;; esac
    shift
done
[ -n "$BROKEN" ] && exit 3
echo certificate of $type >"$folder/$type.cert"
TOOL
chmod +x tool
cat >tool.conf <<CONF
create_certs_tool = $HERE/tool # not ours
create_certs_tool_config = $HERE/tool.config
create_certs_tool_options= $HERE/tool.options
CONF
for who in theirs ours; do
    tools=$THEIRS
    [ $who = ours ] && tools=$OURS
    rm -rf state
    mkdir state
    export WORDS=$HERE/$who.words BROKEN=
    "$tools/swtpm_setup" $T --tpm "$THEIRS/swtpm socket" --config tool.conf --create-ek-cert --create-platform-cert \
        --vmid 'a machine' --logfile state/log --write-ek-cert-files files
    grep -q 'certificate of ek' files/ek-rsa2048.crt
    sed -i 's/^[0-9a-f]\{512\}$/MODULUS/; s/=[0-9a-f]\{96\}/=NUMBER/g; s/certs\..*/certs/' $WORDS
    BROKEN=yes WORDS=/dev/null
    [ "$(code "$tools/swtpm_setup" $T --tpm "$THEIRS/swtpm socket" --config tool.conf --create-ek-cert --overwrite)" = 1 ]
    [ ! -e state/tpm2-00.permall ]
done
sed -i "s,$HERE/theirs,,; s,$HERE/ours,," ./*.words
diff -u theirs.words ours.words

# Configuration of one user.
for who in theirs ours; do
    tools=$THEIRS
    [ $who = ours ] && tools=$OURS
    export HOME=$HERE/home.$who
    mkdir "$HOME"
    for words in root root root,overwrite root,skip-if-exist overwrite,skip-if-exist,root; do
        code "$tools/swtpm_setup" --create-config-files $words
    done >$who.code
    (cd "$HOME" && find . | sort) >$who.files
    unset WORDS BROKEN
    rm -rf state
    mkdir state
    "$OURS/swtpm_setup" $T --tpm "$THEIRS/swtpm socket" --create-ek-cert --create-platform-cert
done
diff -u theirs.code ours.code
diff -u theirs.files ours.files
