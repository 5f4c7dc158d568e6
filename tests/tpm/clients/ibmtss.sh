# IBM's TSS 2: its utilities check every response HMAC and parameter encryption on their own
. "$LIB"
export TPM_INTERFACE_TYPE=socsim TPM_SERVER_NAME=127.0.0.1 TPM_COMMAND_PORT=$COMMAND_PORT \
    TPM_PLATFORM_PORT=$PLATFORM_PORT TPM_SERVER_TYPE=${SERVER_TYPE:-mssim} TPM_DATA_DIR=$PWD TPM_ENCRYPT_SESSIONS=0
tssgetrandom -by 16
tsspcrread -ha 16 -halg sha256
printf 'x' >message
tsscreateprimary -hi o -ecc nistp256 -pwdk pps
for kind in '-ecc nistp256' '-rsa'; do
    # shellcheck disable=SC2086
    tsscreate -hp 80000000 $kind -si -kt f -kt p -pwdp pps -pwdk key -opr key.priv -opu key.pub
    tssload -hp 80000000 -pwdp pps -ipr key.priv -ipu key.pub
    # HMAC session: salted by nothing, bound to the parent, encrypting both ways
    tssstartauthsession -se h -bi 80000001 -pwdb key -sym aes
    flag=-rsa
    [ "$kind" = '-ecc nistp256' ] && flag=-ecc
    tsssign -hk 80000001 -halg sha256 $flag -if message -os sig -pwdk key -se0 02000000 21
    tssverifysignature -hk 80000001 -halg sha256 $flag -if message -is sig
    tssflushcontext -ha 02000000
    tssflushcontext -ha 80000001
done
# Salted by the storage key, XOR instead of AES
tsscreateprimary -hi o -rsa -st
for symmetric in aes xor; do
    tssstartauthsession -se h -hs 80000001 -sym "$symmetric"
    printf 'to be sealed' >data
    tsscreate -hp 80000000 -bl -if data -pwdp pps -pwdk seal -opr seal.priv -opu seal.pub -se0 02000000 61
    tssload -hp 80000000 -ipr seal.priv -ipu seal.pub -pwdp pps -se0 02000000 61
    tssunseal -ha 80000002 -of out -pwd seal -se0 02000000 41
    same data out
    refused tssunseal -ha 80000002 -of out -pwd wrong -se0 02000000 41
    tssflushcontext -ha 80000002
    tssflushcontext -ha 02000000 || true
done
# Audit
tssstartauthsession -se h
tssgetrandom -by 8 -se0 02000000 81
tssflushcontext -ha 02000000
# NV through a session
tssstartauthsession -se h
tssnvdefinespace -hi o -ha 01500040 -pwdn nv -sz 16
printf '0123456789abcdef' >data
tssnvwrite -ha 01500040 -pwdn nv -if data -se0 02000000 21
tssnvread -ha 01500040 -pwdn nv -sz 16 -of out -se0 02000000 41
same data out
tssnvundefinespace -hi o -ha 01500040
