# CreatePrimary: all hierarchies and algorithms; the same seed and template give the same key
. "$LIB"
for hierarchy in o e p n; do
    tidy
    tpm2_createprimary -Q -C "$hierarchy" -G ecc256 -c "$hierarchy.ctx"
    tpm2_readpublic -Q -c "$hierarchy.ctx" -o "$hierarchy.pub"
    tpm2_createprimary -Q -C "$hierarchy" -G ecc256 -c again.ctx
    tpm2_readpublic -Q -c again.ctx -o again.pub
    same "$hierarchy.pub" again.pub
done
differ o.pub e.pub
for algorithm in rsa1024 rsa2048 rsa3072 $([ "${AES192:-}" = none ] || echo rsa4096) ecc256 ecc384 ecc521 aes128 aes256 hmac:sha256; do
    tidy
    case $algorithm in
    rsa* | ecc*) tpm2_createprimary -Q -C o -G "$algorithm" -g sha256 -c key.ctx ;;
    *) tpm2_createprimary -Q -C o -G "$algorithm" -c key.ctx \
        -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign|decrypt' 2>/dev/null ||
        tpm2_createprimary -Q -C o -G "$algorithm" -c key.ctx \
            -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign' ;;
    esac
    tpm2_readpublic -c key.ctx >public
    grep -q '^name:' public
done
tidy
# An auth value and a policy
tpm2_createprimary -Q -C o -G ecc -p secret -c auth.ctx
tpm2_create -Q -C auth.ctx -P secret -G ecc -u child.pub -r child.priv
refused tpm2_create -Q -C auth.ctx -P wrong -G ecc -u child.pub -r child.priv
tpm2_dictionarylockout -c
# Creation data names the PCRs
tpm2_createprimary -Q -C o -G ecc -c pcr.ctx -l sha256:0,1 --creation-data creation --creation-hash hash -t ticket
[ "$(tail -c 32 hash | xxd -p -c 64)" = "$(tail -c +3 creation | sha256sum | cut -d' ' -f1)" ]
