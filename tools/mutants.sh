#!/usr/bin/env bash
# Mutation tests: changes the code in every way cargo-mutants knows, and says which changes no test notices. Hours for
# all of it; name files (src/token/verify.rs …), or set SHARD=1/8, for a part.
# usage: tools/mutants.sh [file…]
set -euo pipefail
cd "$(dirname "$0")/.."
files=("$@")
[ ${#files[@]} -gt 0 ] || files=('src/token/*.rs' 'src/keys/*.rs' 'src/policy/*.rs' src/decision.rs 'src/decision/*.rs')

tools/tool.sh cargo-mutants 27.1.0
arguments=()
for file in "${files[@]}"; do arguments+=(-f "$file"); done
[ -z "${SHARD-}" ] || arguments+=(--shard "$SHARD")
tests=(--lib --test tokens --test attacks --test lifecycle --test tenants --test policies --test clauses --test step_up)
exec nice -n 19 .tools/bin/cargo-mutants mutants --no-shuffle --timeout 120 --output target "${arguments[@]}" -- -p entragate "${tests[@]}"
