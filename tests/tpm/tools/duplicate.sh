# Duplicate, Import, PolicyDuplicationSelect; a key wrapped outside comes in
. "$LIB"
tpm2_createprimary -Q -C o -G ecc -c primary.ctx
tpm2_createprimary -Q -C o -G rsa -c new.ctx
tpm2_readpublic -Q -c new.ctx -n new.name
tpm2_readpublic -Q -c primary.ctx -n primary.name
tpm2_startauthsession -Q -S trial.ctx
tpm2_policycommandcode -Q -S trial.ctx -L policy TPM2_CC_Duplicate
tpm2_flushcontext trial.ctx
tpm2_create -Q -C primary.ctx -G rsa -L policy -u key.pub -r key.priv -a 'sensitivedataorigin|userwithauth|decrypt|sign'
tpm2_load -Q -C primary.ctx -u key.pub -r key.priv -c key.ctx
for parent in new null; do
    for inner in null aes; do
        tidy
        tpm2_startauthsession -Q --policy-session -S session.ctx
        tpm2_policycommandcode -Q -S session.ctx TPM2_CC_Duplicate
        target=new.ctx
        [ "$parent" = null ] && target=null
        inner_key=()
        [ "$inner" = aes ] && inner_key=(-o inner.key)
        tpm2_duplicate -Q -C "$target" -c key.ctx -G "$inner" "${inner_key[@]}" -p session:session.ctx -r dup.priv -s dup.seed
        tpm2_flushcontext session.ctx
        if [ "$parent" = new ]; then
            key=()
            [ "$inner" = aes ] && key=(-k inner.key)
            tpm2_import -Q -C new.ctx -u key.pub -i dup.priv -r imported.priv -s dup.seed -L policy "${key[@]}"
            tpm2_load -Q -C new.ctx -u key.pub -r imported.priv -c imported.ctx
        fi
    done
done
printf 'x' >message
tpm2_sign -Q -c imported.ctx -g sha256 -s rsassa -o sig message
tpm2_verifysignature -Q -c key.ctx -g sha256 -m message -s sig
tidy
# Only to the parent that the policy names
tpm2_startauthsession -Q -S trial.ctx
tpm2_policyduplicationselect -Q -S trial.ctx -N new.name -L policy
tpm2_flushcontext trial.ctx
tpm2_create -Q -C primary.ctx -G ecc -L policy -u key.pub -r key.priv -a 'sensitivedataorigin|userwithauth|sign'
tpm2_load -Q -C primary.ctx -u key.pub -r key.priv -c key.ctx -n key.name
tpm2_startauthsession -Q --policy-session -S session.ctx
tpm2_policyduplicationselect -Q -S session.ctx -n key.name -N new.name
tpm2_duplicate -Q -C new.ctx -c key.ctx -G null -p session:session.ctx -r dup.priv -s dup.seed
tpm2_flushcontext session.ctx
tpm2_startauthsession -Q --policy-session -S session.ctx
tpm2_policyduplicationselect -Q -S session.ctx -n key.name -N primary.name
refused tpm2_duplicate -Q -C new.ctx -c key.ctx -G null -p session:session.ctx -r dup.priv -s dup.seed
tpm2_flushcontext session.ctx
# A key that may not leave
tpm2_create -Q -C primary.ctx -G ecc -u fixed.pub -r fixed.priv
tpm2_load -Q -C primary.ctx -u fixed.pub -r fixed.priv -c fixed.ctx
refused tpm2_duplicate -Q -C new.ctx -c fixed.ctx -G null -r dup.priv -s dup.seed
tidy
# From outside
openssl genrsa -out rsa.pem 2048 2>/dev/null
openssl ecparam -name prime256v1 -genkey -noout -out ecc.pem
head -c 16 /dev/urandom >aes.key
for kind in rsa:rsa.pem ecc:ecc.pem aes:aes.key; do
    tpm2_import -Q -C primary.ctx -G "${kind%%:*}" -i "${kind#*:}" -u in.pub -r in.priv
    tpm2_load -Q -C primary.ctx -u in.pub -r in.priv -c in.ctx
done
