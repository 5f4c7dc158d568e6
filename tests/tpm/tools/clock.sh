# ReadClock, ClockSet, ClockRateAdjust
. "$LIB"
tpm2_readclock >one
before=$(value clock one)
tpm2_setclock $((before + 100000))
tpm2_readclock >two
[ "$(value clock two)" -ge $((before + 100000)) ]
refused tpm2_setclock 1
tpm2_clockrateadjust s
tpm2_clockrateadjust fff
grep -q 'safe: yes' two
