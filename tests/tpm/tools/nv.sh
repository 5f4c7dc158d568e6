# NV: all index types, locks, attributes
. "$LIB"
# Ordinary
tpm2_nvdefine -Q -C o -s 32 -a 'ownerread|ownerwrite|authread|authwrite|read_stclear|write_stclear' -p secret 0x1500001
refused tpm2_nvread -C o -s 32 0x1500001
head -c 32 /dev/urandom >data
tpm2_nvwrite -Q -C 0x1500001 -P secret -i data 0x1500001
tpm2_nvread -Q -C 0x1500001 -P secret -s 32 -o out 0x1500001
same data out
tpm2_nvread -Q -C o -s 8 --offset 8 -o part 0x1500001
same part <(tail -c +9 data | head -c 8)
refused tpm2_nvread -C 0x1500001 -P wrong -s 32 0x1500001
refused tpm2_nvwrite -Q -C o --offset 8 -i data 0x1500001
tpm2_nvreadpublic 0x1500001 >public
grep -q 'size: 32' public
tpm2_nvwritelock -Q -C o 0x1500001
refused tpm2_nvwrite -Q -C o -i data 0x1500001
tpm2_nvreadlock -Q -C o 0x1500001
refused tpm2_nvread -C o -s 32 0x1500001
refused tpm2_nvdefine -Q -C o -s 32 0x1500001
# Larger than one read
tpm2_nvdefine -Q -C o -s 2000 -a 'ownerread|ownerwrite' 0x1500002
head -c 2000 /dev/urandom >large
tpm2_nvwrite -Q -C o -i large 0x1500002
tpm2_nvread -Q -C o -s 2000 -o out 0x1500002
same large out
# Counter
tpm2_nvdefine -Q -C o -a 'ownerread|ownerwrite|nt=counter' 0x1500003
tpm2_nvincrement -Q -C o 0x1500003
tpm2_nvread -Q -C o -s 8 -o one 0x1500003
tpm2_nvincrement -Q -C o 0x1500003
tpm2_nvread -Q -C o -s 8 -o two 0x1500003
[ $((0x$(od -An -tx1 two | tr -d ' ') - 0x$(od -An -tx1 one | tr -d ' '))) = 1 ]
tpm2_nvundefine -Q -C o 0x1500003
tpm2_nvdefine -Q -C o -a 'ownerread|ownerwrite|nt=counter' 0x1500003
tpm2_nvincrement -Q -C o 0x1500003
tpm2_nvread -Q -C o -s 8 -o three 0x1500003
[ $((0x$(od -An -tx1 three | tr -d ' '))) -gt $((0x$(od -An -tx1 two | tr -d ' '))) ]
refused tpm2_nvwrite -Q -C o -i two 0x1500003
# Bits
tpm2_nvdefine -Q -C o -a 'ownerread|ownerwrite|nt=bits' 0x1500004
tpm2_nvsetbits -Q -C o -i 0x5 0x1500004
tpm2_nvsetbits -Q -C o -i 0x8000000000000000 0x1500004
tpm2_nvread -Q -C o -s 8 -o bits 0x1500004
[ "$(od -An -tx1 bits | tr -d ' ')" = 8000000000000005 ]
# Extend
tpm2_nvdefine -Q -C o -g sha256 -a 'ownerread|ownerwrite|nt=extend' 0x1500005
printf 'measured' >event
tpm2_nvextend -Q -C o -i event 0x1500005
tpm2_nvread -Q -C o -s 32 -o extended 0x1500005
(head -c 32 /dev/zero; cat event) | openssl dgst -sha256 -binary >expected
same extended expected
# Write once and for all
tpm2_nvdefine -Q -C o -s 4 -a 'ownerread|ownerwrite|writedefine' 0x1500006
printf 'once' | tpm2_nvwrite -Q -C o -i - 0x1500006
tpm2_nvwritelock -Q -C o 0x1500006
printf 'more' >more
refused tpm2_nvwrite -Q -C o -i more 0x1500006
# All at once
tpm2_nvdefine -Q -C o -s 4 -a 'ownerread|ownerwrite|globallock' 0x1500007
tpm2_nvwrite -Q -C o -i more 0x1500007
tpm2_nvwritelock -Q -C o --global
refused tpm2_nvwrite -Q -C o -i more 0x1500007
# The platform's
tpm2_nvdefine -Q -C p -s 4 -a 'ppread|ppwrite|ownerread|platformcreate' 0x1400001
tpm2_nvwrite -Q -C p -i more 0x1400001
tpm2_nvread -Q -C o -s 4 -o out 0x1400001
same more out
refused tpm2_nvundefine -Q -C o 0x1400001
tpm2_getcap handles-nv-index >indices
grep -qi 0x1500001 indices
tpm2_nvundefine -Q -C o 0x1500001
refused tpm2_nvreadpublic 0x1500001
