# What the scripts of this folder share. HERE: an empty folder; OURS, THEIRS: folders with swtpm's programs;
# PORT: a free TCP port and the next.
set -eu
cd "$HERE"
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT

# configure NAME: configuration whose authority is the folder NAME, with the tool of the folder TOOLS
configure() {
    cat >"$1.setup.conf" <<CONF
create_certs_tool = $2/swtpm_localca
create_certs_tool_config = $HERE/$1.localca.conf
create_certs_tool_options = $HERE/localca.options
active_pcr_banks = sha256,sha384
CONF
    cat >"$1.localca.conf" <<CONF
statedir = $HERE/$1.ca
signingkey = $HERE/$1.ca/signkey.pem
issuercert = $HERE/$1.ca/issuercert.pem
certserial = $HERE/$1.ca/certserial
CONF
    cat >localca.options <<CONF
--platform-manufacturer Fedora
--platform-version 2.1
--platform-model QEMU
CONF
}

# What a certificate says, without its keys, its number, its times and its signature
content() {
    openssl x509 -inform "${2:-DER}" -in "$1" -noout -text -certopt no_pubkey,no_sigdump,no_serial,no_validity |
        grep -v '^Certificate:\|^ *Data:' | sed '/Authority Key Identifier/,+1d'
}

# serve PROGRAM STATE: the TPM of a state, for tpm2-tools
serve() {
    "$1" socket --tpm2 --tpmstate "dir=$2" --flags not-need-init,startup-clear \
        --server "type=tcp,port=$PORT,bindaddr=127.0.0.1" --ctrl "type=tcp,port=$((PORT + 1)),bindaddr=127.0.0.1" &
    server=$!
    export TPM2TOOLS_TCTI="swtpm:host=127.0.0.1,port=$PORT"
    for _ in $(seq 200); do
        tpm2_getrandom --hex 4 >/dev/null 2>&1 && return
        sleep 0.05
    done
    return 1
}

end() {
    tpm2_shutdown -c
    kill $server
    wait $server || true
}

# code COMMAND...: its exit status
code() {
    local status=0
    "$@" >said 2>&1 || status=$?
    echo "$status"
}

# make NAME SETUP TPM OPTIONS...
make() {
    local name=$1 setup=$2 tpm=$3
    shift 3
    mkdir "$name"
    "$setup/swtpm_setup" --tpm2 --tpmstate "$name" --tpm "$tpm/swtpm socket" --vmid foo:bar "$@" >"$name.said"
}

# What tpm2-tools see of a TPM, keys and certificates left out
look() {
    serve "$2/swtpm" "$1"
    {
        tpm2_getcap handles-persistent
        tpm2_getcap pcrs
        for index in $(tpm2_getcap handles-nv-index | tr -d '-' ); do
            echo "index $index"
            tpm2_nvreadpublic "$index" | grep -v 'name:'
            tpm2_nvread -C o "$index" >nv
            case $index in
            *04 | *17 | *1d) xxd -p nv ;;
            *) content nv ;;
            esac
        done
        for handle in $(tpm2_getcap handles-persistent | tr -d '-'); do
            tpm2_readpublic -c "$handle" | grep -v '^name\|^qualified\|^ *\(x\|y\|rsa\): \|^ *[0-9a-f]\{32,\}'
            tpm2_readpublic -c "$handle" -f pem -o "key.$handle" >/dev/null
        done
    } >"$1.$3"
    # The certificate is about the key that the TPM has.
    for pair in 0x1c00002:0x81010001 0x1c0001c:0x8101001c 0x1c00016:0x81010016; do
        [ -f "key.${pair#*:}" ] && grep -q "index ${pair%:*}\$" <(tr 'A-F' 'a-f' <"$1.$3") || continue
        tpm2_nvread -C o "${pair%:*}" >nv
        openssl x509 -inform DER -in nv -noout -pubkey | cmp - "key.${pair#*:}"
    done
    rm -f key.*
    # Locked.
    if [ "$4" = locked ] && grep -q 'index 0x1C00002$' "$1.$3"; then
        [ "$(code tpm2_nvwrite -C p -i nv 0x1C00002)" != 0 ]
    fi
    end
}
