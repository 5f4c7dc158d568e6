# Policies, each on a sealed object: satisfied it opens, otherwise it does not
. "$LIB"
tpm2_createprimary -Q -C o -c primary.ctx
printf 'sealed' >data

# seal NAME: seals data under the policy digest in the file policy
seal() {
    tpm2_create -Q -C primary.ctx -i data -L policy ${2:+-p "$2"} -u "$1.pub" -r "$1.priv" \
        -a 'fixedtpm|fixedparent'"${3:-}"
    tpm2_load -Q -C primary.ctx -u "$1.pub" -r "$1.priv" -c "$1.ctx"
}
trial() { tpm2_startauthsession -Q -S trial.ctx; }
policy() {
    tidy
    tpm2_startauthsession -Q --policy-session -S session.ctx
}
end() { tpm2_flushcontext "$1.ctx"; }
opens() {
    rm -f out
    tpm2_unseal -c "$1.ctx" -p "session:session.ctx${2:-}" -o out
    same data out
}
closed() { refused tpm2_unseal -c "$1.ctx" -p "session:session.ctx${2:-}" -o out; }

# PolicyPCR
trial; tpm2_policypcr -Q -S trial.ctx -l sha256:16 -L policy; end trial
seal pcr
policy; tpm2_policypcr -Q -S session.ctx -l sha256:16; opens pcr; end session
policy; closed pcr; end session
tpm2_pcrextend 16:sha256="$(printf x | sha256sum | cut -d' ' -f1)"
policy; tpm2_policypcr -Q -S session.ctx -l sha256:16; closed pcr; end session
tpm2_pcrreset 16
# The PCRs change after they were checked
policy; tpm2_policypcr -Q -S session.ctx -l sha256:16
tpm2_pcrextend 15:sha256="$(printf x | sha256sum | cut -d' ' -f1)"
closed pcr; end session

# PolicyAuthValue, PolicyPassword
for kind in authvalue password; do
    trial; "tpm2_policy$kind" -Q -S trial.ctx -L policy; end trial
    seal "$kind" secret
    policy; "tpm2_policy$kind" -Q -S session.ctx; opens "$kind" +secret; end session
    policy; "tpm2_policy$kind" -Q -S session.ctx; closed "$kind" +wrong; end session
    policy; closed "$kind" +secret; end session
    tpm2_dictionarylockout -c
done

# PolicySecret
trial; tpm2_policysecret -Q -S trial.ctx -c o -L policy; end trial
seal secret
policy; tpm2_policysecret -Q -S session.ctx -c o; opens secret; end session
policy; refused tpm2_policysecret -Q -S session.ctx -c o wrong; closed secret; end session

# PolicyCommandCode
trial; tpm2_policycommandcode -Q -S trial.ctx -L policy TPM2_CC_Unseal; end trial
seal code
policy; tpm2_policycommandcode -Q -S session.ctx TPM2_CC_Unseal; opens code; end session
policy; tpm2_policycommandcode -Q -S session.ctx TPM2_CC_NV_Read; closed code; end session

# PolicyOR
trial; tpm2_policycommandcode -Q -S trial.ctx -L one TPM2_CC_Unseal; end trial
trial; tpm2_policysecret -Q -S trial.ctx -c o -L two; end trial
trial; tpm2_policyor -Q -S trial.ctx -L policy sha256:one,two; end trial
seal or
policy; tpm2_policysecret -Q -S session.ctx -c o; tpm2_policyor -Q -S session.ctx sha256:one,two; opens or; end session
policy; refused tpm2_policyor -Q -S session.ctx sha256:one,two; closed or; end session

# PolicyLocality
trial; tpm2_policylocality -Q -S trial.ctx -L policy zero; end trial
seal locality
policy; tpm2_policylocality -Q -S session.ctx zero; opens locality; end session
policy; tpm2_policylocality -Q -S session.ctx three; closed locality; end session

# PolicySigned
openssl ecparam -name prime256v1 -genkey -noout -out signer.pem
openssl ec -in signer.pem -pubout -out signer.pub.pem 2>/dev/null
tpm2_loadexternal -Q -C o -G ecc -u signer.pub.pem -c signer.ctx
trial; printf '\0\0\0\0' | openssl dgst -sha256 -sign signer.pem -out sig
tpm2_policysigned -Q -S trial.ctx -g sha256 -s sig -f ecdsa -c signer.ctx -L policy; end trial
seal signed
policy; tpm2_policysigned -Q -S session.ctx -g sha256 -s sig -f ecdsa -c signer.ctx; opens signed; end session
printf '\0\0\0\1' | openssl dgst -sha256 -sign signer.pem -out bad
policy; refused tpm2_policysigned -Q -S session.ctx -g sha256 -s bad -f ecdsa -c signer.ctx; closed signed; end session
# With the session's nonce and an end: that gives a ticket, which another session may use in its place
policy; tpm2_policysigned -Q -S session.ctx -g sha256 -c signer.ctx -x -t -500 --raw-data statement
openssl dgst -sha256 -sign signer.pem -out sig statement
tpm2_policysigned -Q -S session.ctx -g sha256 -s sig -f ecdsa -c signer.ctx -x -t -500 --ticket ticket --timeout timeout
opens signed; end session
tpm2_readpublic -Q -c signer.ctx -n signer.name
policy; tpm2_policyticket -Q -S session.ctx -n signer.name --ticket ticket --timeout timeout; opens signed; end session
printf '\x5a' | dd of=ticket bs=1 seek=20 conv=notrunc status=none
policy; refused tpm2_policyticket -Q -S session.ctx -n signer.name --ticket ticket --timeout timeout; closed signed; end session

# PolicyNV, PolicyNvWritten
tpm2_nvdefine -Q -C o -s 4 -a 'ownerread|ownerwrite|authread|authwrite|policywrite' 0x1500020
trial; tpm2_policynvwritten -Q -S trial.ctx -L written c 2>/dev/null || tpm2_policynvwritten -Q -S trial.ctx -L written clear; end trial
printf '\0\0\0\5' | tpm2_nvwrite -Q -C o -i - 0x1500020
for operation in eq:5:4 neq:4:5 sgt:4:5 ugt:4:5 slt:6:5 ult:6:5 sge:5:6 uge:5:6 sle:5:4 ule:5:4 bs:4:2 bc:2:4; do
    name=${operation%%:*} rest=${operation#*:}
    right=${rest%%:*} wrong=${rest#*:}
    trial; printf "\\0\\0\\0\\$right" | tpm2_policynv -Q -S trial.ctx -C o -i - -L policy 0x1500020 "$name"; end trial
    seal "nv$name"
    policy; printf "\\0\\0\\0\\$right" | tpm2_policynv -Q -S session.ctx -C o -i - 0x1500020 "$name"; opens "nv$name"; end session
    policy; printf "\\0\\0\\0\\$wrong" >operand
    refused tpm2_policynv -Q -S session.ctx -C o -i operand 0x1500020 "$name"; closed "nv$name"; end session
done

# PolicyCounterTimer
trial; tpm2_policycountertimer -Q -S trial.ctx -L policy --ult 3600000; end trial
seal timer
policy; tpm2_policycountertimer -Q -S session.ctx --ult 3600000; opens timer; end session
policy; refused tpm2_policycountertimer -Q -S session.ctx --ugt 3600000000; closed timer; end session

# PolicyCpHash, PolicyNameHash, PolicyTemplate: policies of the owner hierarchy that allow one thing
owner_policy() { tpm2_setprimarypolicy -Q -C o -L policy -g sha256; }
tpm2_nvdefine -Q -C o -s 4 -a 'ownerread|ownerwrite' --cphash cphash 0x1500030
trial; tpm2_policycphash -Q -S trial.ctx -L policy --cphash cphash; end trial
owner_policy
policy; tpm2_policycphash -Q -S session.ctx --cphash cphash
refused tpm2_nvdefine -Q -C o -P session:session.ctx -s 5 -a 'ownerread|ownerwrite' 0x1500030; end session
policy; tpm2_policycphash -Q -S session.ctx --cphash cphash
tpm2_nvdefine -Q -C o -P session:session.ctx -s 4 -a 'ownerread|ownerwrite' 0x1500030; end session
printf '\x40\0\0\1' | openssl dgst -sha256 -binary >namehash
trial; tpm2_policynamehash -Q -S trial.ctx -L policy -n namehash; end trial
owner_policy
policy; tpm2_policynamehash -Q -S session.ctx -n namehash
tpm2_nvdefine -Q -C o -P session:session.ctx -s 4 -a 'ownerread|ownerwrite' 0x1500031; end session
policy; tpm2_policynamehash -Q -S session.ctx -n namehash
refused tpm2_nvundefine -Q -C o -P session:session.ctx 0x1500031; end session
tpm2_createprimary -Q -C o -G ecc256 -c t.ctx --template-data template
openssl dgst -sha256 -binary template >templatehash
trial; tpm2_policytemplate -Q -S trial.ctx -L policy --template-hash templatehash; end trial
owner_policy
policy; tpm2_policytemplate -Q -S session.ctx --template-hash templatehash
tpm2_createprimary -Q -C o -P session:session.ctx -G ecc256 -c t.ctx; end session
policy; tpm2_policytemplate -Q -S session.ctx --template-hash templatehash
refused tpm2_createprimary -Q -C o -P session:session.ctx -G ecc384 -c t.ctx; end session

# PolicyAuthorize: whoever holds the key may say which policies open it
tpm2_readpublic -Q -c signer.ctx -n signer.name
trial; tpm2_policyauthorize -Q -S trial.ctx -L policy -n signer.name; end trial
seal authorized
trial; tpm2_policypcr -Q -S trial.ctx -l sha256:16 -L approved; end trial
openssl dgst -sha256 -sign signer.pem -out sig approved
tpm2_verifysignature -Q -c signer.ctx -g sha256 -m approved -s sig -t ticket -f ecdsa
policy; tpm2_policypcr -Q -S session.ctx -l sha256:16
tpm2_policyauthorize -Q -S session.ctx -i approved -n signer.name -t ticket; opens authorized; end session
policy; refused tpm2_policyauthorize -Q -S session.ctx -i approved -n signer.name -t ticket; closed authorized; end session

# PolicyAuthorizeNV: the index holds the policy
trial; tpm2_policypcr -Q -S trial.ctx -l sha256:16 -L approved; end trial
tpm2_nvdefine -Q -C o -s 34 -a 'ownerread|ownerwrite|authread|authwrite' 0x1500021
(printf '\0\x0b'; cat approved) | tpm2_nvwrite -Q -C o -i - 0x1500021
trial; tpm2_policyauthorizenv -Q -S trial.ctx -C o -L policy 0x1500021; end trial
seal byindex
policy; tpm2_policypcr -Q -S session.ctx -l sha256:16; tpm2_policyauthorizenv -Q -S session.ctx -C o 0x1500021; opens byindex; end session
policy; refused tpm2_policyauthorizenv -Q -S session.ctx -C o 0x1500021; closed byindex; end session

# PolicyRestart
policy; tpm2_policycommandcode -Q -S session.ctx TPM2_CC_NV_Read; tpm2_policyrestart -S session.ctx
tpm2_policycommandcode -Q -S session.ctx TPM2_CC_Unseal; opens code; end session
