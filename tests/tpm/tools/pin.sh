# NV indices that are PINs
. "$LIB"
tpm2_nvdefine -Q -C o -a 'ownerwrite|ownerread|authread|nt=pinfail|no_da' -p pin 0x1500010
printf '\x00\x00\x00\x00\x00\x00\x00\x03' >pins
tpm2_nvwrite -Q -C o -i pins 0x1500010
tpm2_nvread -Q -C 0x1500010 -P pin -s 8 -o out 0x1500010
refused tpm2_nvread -C 0x1500010 -P wrong -s 8 0x1500010
refused tpm2_nvread -C 0x1500010 -P wrong -s 8 0x1500010
tpm2_nvread -Q -C o -s 8 -o out 0x1500010
[ "$(od -An -tx1 out | tr -d ' ')" = 0000000200000003 ]
tpm2_nvread -Q -C 0x1500010 -P pin -s 8 -o out 0x1500010
tpm2_nvread -Q -C o -s 8 -o out 0x1500010
[ "$(od -An -tx1 out | tr -d ' ')" = 0000000000000003 ]
for _ in 1 2 3; do refused tpm2_nvread -C 0x1500010 -P wrong -s 8 0x1500010; done
refused tpm2_nvread -C 0x1500010 -P pin -s 8 0x1500010
# A PIN that may be used so often
tpm2_nvdefine -Q -C o -a 'ownerwrite|ownerread|authread|nt=pinpass|no_da' -p pin 0x1500011
printf '\x00\x00\x00\x00\x00\x00\x00\x02' >pins
tpm2_nvwrite -Q -C o -i pins 0x1500011
tpm2_createprimary -Q -C o -c primary.ctx
tpm2_startauthsession -Q --policy-session -S session.ctx
tpm2_policysecret -Q -S session.ctx -c 0x1500011 pin
tpm2_policyrestart -S session.ctx
tpm2_policysecret -Q -S session.ctx -c 0x1500011 pin
tpm2_policyrestart -S session.ctx
refused tpm2_policysecret -Q -S session.ctx -c 0x1500011 pin
