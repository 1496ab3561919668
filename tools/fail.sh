# Sourced by the scripts beside it: ends them with what is wrong, and what to do about it.
fail() {
    printf 'error: %s\n' "$1" >&2
    shift
    printf '       %s\n' "$@" >&2
    exit 1
}
