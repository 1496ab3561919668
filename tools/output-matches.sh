# Sourced by the other scripts.
# usage: output_matches GREP-OPTIONS PATTERN COMMAND…
# Succeeds if COMMAND succeeds and a line of its standard output matches PATTERN. Reads the whole output first: in
# `COMMAND | grep -q PATTERN`, grep exits at the first match, SIGPIPE can kill COMMAND while it still writes, and pipefail then
# reports a failure although the pattern was found.
output_matches() {
    local options=$1 pattern=$2 output
    shift 2
    output=$("$@" 2>/dev/null) || return
    grep -q "$options" -e "$pattern" <<<"$output"
}
