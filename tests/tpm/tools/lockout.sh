# Guessing auth values locks the TPM; the owner of lockout opens it
. "$LIB"
tpm2_createprimary -Q -C o -c primary.ctx
tpm2_create -Q -C primary.ctx -G ecc -p secret -u key.pub -r key.priv
tpm2_create -Q -C primary.ctx -G ecc -p secret -u free.pub -r free.priv \
    -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign|noda'
tpm2_load -Q -C primary.ctx -u key.pub -r key.priv -c key.ctx
tpm2_load -Q -C primary.ctx -u free.pub -r free.priv -c free.ctx
tpm2_dictionarylockout -Q -s -n 3 -t 1000 -l 1000
printf x >message
for _ in 1 2 3; do
    refused tpm2_sign -c key.ctx -p wrong -g sha256 -o sig message
done
tpm2_getcap properties-variable | grep -A1 TPM2_PT_LOCKOUT_COUNTER | grep 0x3 >/dev/null
refused tpm2_sign -c key.ctx -p secret -g sha256 -o sig message
# What is not protected goes on
refused tpm2_sign -c free.ctx -p wrong -g sha256 -o sig message
tpm2_sign -Q -c free.ctx -p secret -g sha256 -o sig message
tpm2_dictionarylockout -Q -c
tpm2_sign -Q -c key.ctx -p secret -g sha256 -o sig message
# It heals with time
tpm2_dictionarylockout -Q -s -n 1 -t 1 -l 1
refused tpm2_sign -c key.ctx -p wrong -g sha256 -o sig message
refused tpm2_sign -c key.ctx -p secret -g sha256 -o sig message
sleep 2.5
tpm2_sign -Q -c key.ctx -p secret -g sha256 -o sig message
