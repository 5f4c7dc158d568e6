# Commit, EC_Ephemeral, ZGen_2Phase
. "$LIB"
tpm2_createprimary -Q -C o -G ecc -c primary.ctx
tidy
tpm2_create -Q -C primary.ctx -G ecc256:ecdaa -u key.pub -r key.priv
tidy
tpm2_load -Q -C primary.ctx -u key.pub -r key.priv -c key.ctx
tpm2_commit -c key.ctx -t counter --eccpoint-K k --eccpoint-L l -u e
[ -s e ]
same <(printf '\000\000') <(head -c 2 counter)
tidy
tpm2_commit -c key.ctx -t counter --eccpoint-K k --eccpoint-L l -u e2
differ e e2
tidy
tpm2_create -Q -C primary.ctx -G ecc256:ecdh -u exchange.pub -r exchange.priv
tidy
tpm2_load -Q -C primary.ctx -u exchange.pub -r exchange.priv -c exchange.ctx
for count in 2 3; do
    tpm2_ecephemeral -u ephemeral.pub -t counter ecc256
    tidy
    tpm2_ecdhkeygen -c exchange.ctx -u static.pub -o z
    tpm2_zgen2phase -c exchange.ctx --static-public static.pub --ephemeral-public ephemeral.pub \
        -t $count --output-Z1 z1 --output-Z2 z2
    tidy
    # The static half is plain ECDH.
    same z z1
    refused tpm2_zgen2phase -c exchange.ctx --static-public static.pub --ephemeral-public ephemeral.pub \
        -t $count --output-Z1 z1 --output-Z2 z2
done
refused tpm2_commit -c exchange.ctx -t counter --eccpoint-K k --eccpoint-L l -u e
