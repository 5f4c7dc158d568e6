# Startup, Shutdown, SelfTest, IncrementalSelfTest, GetTestResult
. "$LIB"
tpm2_selftest -f
tpm2_selftest
tpm2_gettestresult >result
grep -q success result
tpm2_incrementalselftest sha256 rsa ecdsa >left || tpm2_incrementalselftest sha256 >left
tpm2_shutdown
tpm2_shutdown -c
tpm2_getrandom --hex 8 >/dev/null
