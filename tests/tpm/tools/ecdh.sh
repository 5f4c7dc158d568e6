# ECDH_KeyGen, ECDH_ZGen, ECC_Parameters; openssl derives the same secret
. "$LIB"
tpm2_createprimary -Q -C o -c primary.ctx
for curve in ecc256:prime256v1 ecc384:secp384r1 ecc521:secp521r1; do
    tidy
    tpm2_create -Q -C primary.ctx -G "${curve%%:*}" -u key.pub -r key.priv \
        -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|decrypt'
    tpm2_load -Q -C primary.ctx -u key.pub -r key.priv -c key.ctx
    tpm2_ecdhkeygen -c key.ctx -u ephemeral.pub -o z1
    tpm2_ecdhzgen -c key.ctx -u ephemeral.pub -o z2
    same z1 z2
    tpm2_geteccparameters "${curve%%:*}" -o parameters
    [ -s parameters ]
done
