# tpm2-openssl: keys in the TPM make a certificate and serve TLS
. "$LIB"
export OPENSSL_CONF=/dev/null TPM2OPENSSL_TCTI=$TPM2TOOLS_TCTI
tpm=(-provider tpm2 -provider default -propquery '?provider=tpm2,tpm2.digest!=yes')
for kind in 'EC -pkeyopt group:P-256' 'RSA -pkeyopt bits:2048'; do
    # shellcheck disable=SC2086
    openssl genpkey "${tpm[@]}" -algorithm $kind -out key.pem 2>/dev/null
    grep -q 'TSS2 PRIVATE KEY' key.pem
    openssl req "${tpm[@]}" -x509 -key key.pem -subj '/CN=localhost' -days 2 -out certificate.pem
    openssl x509 -in certificate.pem -noout -pubkey >public.pem
    openssl verify -CAfile certificate.pem certificate.pem >/dev/null
    printf 'message' >message
    openssl dgst "${tpm[@]}" -sha256 -sign key.pem -out signature message
    openssl dgst -sha256 -verify public.pem -signature signature message
    openssl s_server "${tpm[@]}" -accept 127.0.0.1:0 -naccept 1 -www -key key.pem -cert certificate.pem >server.log 2>&1 &
    server=$!
    port=
    for _ in $(seq 100); do
        port=$(sed -n 's/^ACCEPT 127.0.0.1:\([0-9]*\).*/\1/p' server.log)
        [ -n "$port" ] && break
        sleep 0.1
    done
    printf 'GET / HTTP/1.0\r\n\r\n' | openssl s_client -connect "127.0.0.1:$port" -CAfile certificate.pem \
        -verify_return_error -servername localhost -quiet >answer 2>client.log
    wait "$server" || true
    grep -q 'Ciphers' answer
done
openssl rand "${tpm[@]}" -hex 16 >/dev/null
