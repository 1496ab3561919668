# Sourced by the other scripts. Prints the error (first argument) and what to do (further arguments), then exits.
fail() {
    printf 'error: %s\n' "$1" >&2
    shift
    printf '       %s\n' "$@" >&2
    exit 1
}
