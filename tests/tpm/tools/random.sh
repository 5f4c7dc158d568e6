# GetRandom, StirRandom
. "$LIB"
tpm2_getrandom -o one 32
tpm2_getrandom -o two 32
[ "$(stat -c %s one)" = 32 ]
differ one two
printf 'some more' | tpm2_stirrandom
tpm2_getrandom --hex 20 | grep -Eq '^[0-9a-f]{40}$'
