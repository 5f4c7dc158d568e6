# Create, Load, LoadExternal, ReadPublic, ObjectChangeAuth, EvictControl, CreateLoaded, Unseal
. "$LIB"
tpm2_createprimary -Q -C o -c primary.ctx
for algorithm in rsa1024 rsa2048 ecc256 ecc384 ecc521 aes128 $([ "${AES192:-}" = none ] || echo aes192) aes256; do
    tidy
    tpm2_create -Q -C primary.ctx -G "$algorithm" -u key.pub -r key.priv
    tpm2_load -Q -C primary.ctx -u key.pub -r key.priv -c key.ctx -n key.name
    [ "$(xxd -p -c 80 key.name)" = "$(tpm2_readpublic -c key.ctx | sed -n 's/^name: //p')" ]
    tpm2_loadexternal -Q -C o -u key.pub -c external.ctx
done
# A private part that was changed is refused
printf '\xff' | dd of=key.priv bs=1 seek=20 conv=notrunc status=none
refused tpm2_load -Q -C primary.ctx -u key.pub -r key.priv -c key.ctx
tidy
# Sealed data
printf 'sealed data' >data
tpm2_create -Q -C primary.ctx -i data -p first -u seal.pub -r seal.priv
tpm2_load -Q -C primary.ctx -u seal.pub -r seal.priv -c seal.ctx
tpm2_unseal -c seal.ctx -p first -o out
same data out
refused tpm2_unseal -c seal.ctx -p wrong
tpm2_changeauth -C primary.ctx -c seal.ctx -p first -r seal2.priv second
tpm2_load -Q -C primary.ctx -u seal.pub -r seal2.priv -c seal2.ctx
tpm2_unseal -c seal2.ctx -p second -o out2
same data out2
tidy
# Persistent
tpm2_evictcontrol -Q -C o -c primary.ctx 0x81000001
tpm2_readpublic -Q -c 0x81000001 -o srk.pub
tpm2_create -Q -C 0x81000001 -G ecc -u key.pub -r key.priv
refused tpm2_evictcontrol -Q -C o -c primary.ctx 0x81000001
refused tpm2_evictcontrol -Q -C o -c primary.ctx 0x81800001
tpm2_getcap handles-persistent | grep 0x81000001 >/dev/null
tpm2_evictcontrol -Q -C o -c 0x81000001
refused tpm2_readpublic -Q -c 0x81000001
tidy
# Outside keys, public and private
openssl genrsa -out rsa.pem 2048 2>/dev/null
tpm2_loadexternal -Q -C n -G rsa -r rsa.pem -c outside.ctx
openssl ecparam -name prime256v1 -genkey -noout -out ecc.pem
tpm2_loadexternal -Q -C n -G ecc -r ecc.pem -c outside.ctx
openssl ec -in ecc.pem -pubout -out ecc.pub.pem 2>/dev/null
tpm2_loadexternal -Q -C o -G ecc -u ecc.pub.pem -c outside.ctx
# CreateLoaded
tpm2_create -Q -C primary.ctx -G ecc -c loaded.ctx -u l.pub -r l.priv
tpm2_readpublic -Q -c loaded.ctx
