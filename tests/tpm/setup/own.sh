# Our TPM from our swtpm_setup and from Debian's; what it was given is what Debian's TPM was given
. "$LIB"
configure theirs "$THEIRS"
configure ours "$OURS"
"$OURS/swtpm_setup" --print-capabilities | grep '^{ "type": "swtpm_setup", "features": \[ "tpm-2.0", .*"tpm2-rsa-keysize-2048"' >/dev/null

rm -rf own foreign
options='--create-ek-cert --create-platform-cert --create-spk --lock-nvram'
make own "$OURS" "$OURS" --config ours.setup.conf $options
make foreign "$THEIRS" "$OURS" --config theirs.setup.conf $options
look own "$OURS" seen locked
look foreign "$OURS" seen locked
diff -u own.seen foreign.seen
# Without --tpm it is ours, too.
mkdir plain
"$OURS/swtpm_setup" --tpm2 --tpmstate plain --config ours.setup.conf --vmid foo:bar $options
look plain "$OURS" seen locked
diff -u own.seen plain.seen
# The TPM of Debian differs in what it can do, not in what it was given.
rm -rf debian
make debian "$THEIRS" "$THEIRS" --config theirs.setup.conf $options
look debian "$THEIRS" seen locked
diff -u <(grep 'index\|^  \(attr\|size\|hash\)\|0x81' debian.seen) <(grep 'index\|^  \(attr\|size\|hash\)\|0x81' own.seen)
diff -u <(grep -A9 'selected-pcrs' debian.seen) <(grep -A9 'selected-pcrs' own.seen)

# The chain of both authorities is good, by two verifiers.
for name in ours theirs; do
    ca=$name.ca
    state=$([ $name = ours ] && echo own || echo foreign)
    serve "$OURS/swtpm" $state
    for index in 0x1c00002 0x1c00016 0x1c08000; do
        tpm2_nvread -C o $index | openssl x509 -inform DER -out leaf.pem
        openssl verify -ignore_critical -CAfile $ca/swtpm-localca-rootca-cert.pem -untrusted $ca/issuercert.pem leaf.pem
        cat leaf.pem $ca/issuercert.pem $ca/swtpm-localca-rootca-cert.pem >chain.pem
        certtool --verify-chain --infile chain.pem
    done
    end
done

# A TPM of the other program's is not lost because this one cannot read it.
for pair in "own $THEIRS" "debian $OURS"; do
    set -- $pair
    before=$(cat "$1"/*tpm*.* | sha256sum)
    [ "$(code "$OURS/swtpm_setup" --tpm2 --tpmstate "$1" --tpm "$2/swtpm socket" --config ours.setup.conf)" = 1 ]
    "$OURS/swtpm_setup" --tpm2 --tpmstate "$1" --tpm "$2/swtpm socket" --config ours.setup.conf --not-overwrite
    [ "$(cat "$1"/*tpm*.* | sha256sum)" = "$before" ]
done
