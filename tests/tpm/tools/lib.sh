# Sourced by each script of this folder. A script runs in an empty directory, with a fresh TPM behind
# TPM2TOOLS_TCTI; it ends at the first command that fails.
set -euo pipefail

# The command must be refused by the TPM or the tool.
refused() {
    if "$@" >refused.log 2>&1; then
        echo "was not refused: $*" >&2
        return 1
    fi
}

# The two files hold the same bytes.
same() {
    cmp -- "$1" "$2"
}

# The files differ.
differ() {
    if cmp -s -- "$1" "$2"; then
        echo "the same bytes: $1 $2" >&2
        return 1
    fi
}

# The value of a YAML key in a file, first match.
value() {
    sed -n "s/^ *$1: *//p;T;q" "$2"
}

# Empties the slots: without a resource manager each tool leaves behind what it loaded. Saved contexts stay good.
tidy() {
    tpm2_flushcontext -t
}

# A signing key of that algorithm under a fresh primary, loaded: PREFIX.ctx, .pub, .priv
signing_key() {
    local algorithm=$1 prefix=$2
    tidy
    [ -e primary.ctx ] || tpm2_createprimary -Q -C o -G ecc -c primary.ctx
    tpm2_create -Q -C primary.ctx -G "$algorithm" -u "$prefix.pub" -r "$prefix.priv" \
        -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign'
    tpm2_load -Q -C primary.ctx -u "$prefix.pub" -r "$prefix.priv" -c "$prefix.ctx"
}
