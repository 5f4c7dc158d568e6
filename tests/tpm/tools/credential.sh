# MakeCredential, ActivateCredential; without a TPM the tool makes the same
. "$LIB"
printf '0123456789abcdef0123456789abcde' >secret
for kind in ecc rsa; do
    tidy
    tpm2_createek -Q -c ek.ctx -G "$kind" -u ek.pub
    tpm2_createak -Q -C ek.ctx -c ak.ctx -G ecc -g sha256 -s ecdsa -u ak.pub -n ak.name
    tpm2_makecredential -Q -u ek.pub -s secret -n "$(xxd -p -c 80 ak.name)" -o credential
    tpm2_startauthsession -Q --policy-session -S session.ctx
    tpm2_policysecret -Q -S session.ctx -c e
    tpm2_activatecredential -Q -c ak.ctx -C ek.ctx -i credential -o out -P session:session.ctx
    tpm2_flushcontext session.ctx
    same secret out
    tpm2_readpublic -Q -c ek.ctx -f tss -o ek.tss
    TPM2TOOLS_TCTI=none tpm2_makecredential -Q -u ek.pub -s secret -n "$(xxd -p -c 80 ak.name)" -o credential ||
        continue
    tpm2_startauthsession -Q --policy-session -S session.ctx
    tpm2_policysecret -Q -S session.ctx -c e
    tpm2_activatecredential -Q -c ak.ctx -C ek.ctx -i credential -o out -P session:session.ctx
    tpm2_flushcontext session.ctx
    same secret out
done
# For another key's name it does not open
tpm2_createprimary -Q -C o -G ecc -c other.ctx
tpm2_startauthsession -Q --policy-session -S session.ctx
tpm2_policysecret -Q -S session.ctx -c e
refused tpm2_activatecredential -Q -c other.ctx -C ek.ctx -i credential -o out -P session:session.ctx
