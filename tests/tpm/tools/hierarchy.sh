# HierarchyChangeAuth, HierarchyControl, SetPrimaryPolicy, Clear, ClearControl, ChangeEPS, ChangePPS
. "$LIB"
for hierarchy in o e l; do
    tpm2_changeauth -Q -c "$hierarchy" "secret-$hierarchy"
done
refused tpm2_createprimary -Q -C o -c key.ctx
tpm2_createprimary -Q -C o -P secret-o -c key.ctx
tpm2_readpublic -Q -c key.ctx -o before.pub
tpm2_changeauth -Q -c o -p secret-o other-o
refused tpm2_createprimary -Q -C o -P secret-o -c key.ctx
tpm2_clear -Q -c l secret-l
tpm2_createprimary -Q -C o -c key.ctx
tpm2_readpublic -Q -c key.ctx -o after.pub
differ before.pub after.pub
# Clear switched off
tpm2_clearcontrol -Q -C l s
refused tpm2_clear -Q -c l
tpm2_clearcontrol -Q -C p c
tpm2_clear -Q -c p
# Policies of hierarchies
head -c 32 /dev/urandom >policy
tpm2_setprimarypolicy -Q -C o -L policy -g sha256
tpm2_getcap properties-variable >variable
# Seeds
tpm2_createprimary -Q -C e -c e.ctx; tpm2_readpublic -Q -c e.ctx -o e1
tpm2_changeeps -Q
tpm2_createprimary -Q -C e -c e.ctx; tpm2_readpublic -Q -c e.ctx -o e2
differ e1 e2
tpm2_createprimary -Q -C p -c p.ctx; tpm2_readpublic -Q -c p.ctx -o p1
tpm2_changepps -Q
tpm2_createprimary -Q -C p -c p.ctx; tpm2_readpublic -Q -c p.ctx -o p2
differ p1 p2
# Switched off until the next start
tpm2_hierarchycontrol -Q -C o shEnable clear 2>/dev/null || tpm2_hierarchycontrol -Q -C p shEnable clear
refused tpm2_createprimary -Q -C o -c key.ctx
tpm2_hierarchycontrol -Q -C p shEnable set
tpm2_createprimary -Q -C o -c key.ctx
