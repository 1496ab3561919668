# Sourced by the scripts beside it.
# usage: output_matches GREP-OPTIONS PATTERN COMMAND…
# Succeeds if COMMAND succeeds and its standard output has a line that matches PATTERN. The output is read to its end first:
# in `COMMAND | grep -q PATTERN`, grep exits at the first match, COMMAND can be killed by SIGPIPE while it still writes, and
# pipefail then reports a failure although the pattern was found.
output_matches() {
    local options=$1 pattern=$2 output
    shift 2
    output=$("$@" 2>/dev/null) || return
    grep -q "$options" -e "$pattern" <<<"$output"
}
