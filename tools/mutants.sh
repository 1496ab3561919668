#!/usr/bin/env bash
# Mutation tests: changes the code in every way cargo-mutants knows, and says which changes no test notices. They are
# compiled all at once, into a copy (mutants/), so that it takes a build and minutes, not a build each. The few that can't
# be switched on in a running program are left to cargo-mutants itself. What may be missed: .cargo/mutants.toml.
# usage: tools/mutants.sh [file…]
set -euo pipefail
cd "$(dirname "$0")/.."
files=("$@")
[ ${#files[@]} -gt 0 ] || files=('src/token/*.rs' 'src/keys/*.rs' 'src/policy/*.rs' src/decision.rs 'src/decision/*.rs')
tests=(--lib)
for name in tokens claims jwks fetching attacks lifecycle tenants policies models clauses step_up denials revocation \
    groups credentials exchange listing cache wrong_token resource audit explain agreement invariants properties; do
    tests+=(--test "$name")
done

tools/tool.sh cargo-mutants 27.1.0
selection=()
for file in "${files[@]}"; do selection+=(-f "$file"); done
here=target/mutants
mkdir -p "$here/copy"
.tools/bin/cargo-mutants mutants --list --json "${selection[@]}" >"$here/list.json"
git ls-files -z | xargs -0 cp --parents -pt "$here/copy"
missed=0
CARGO_TARGET_DIR=target/mutants/tool cargo build --quiet --locked --manifest-path mutants/Cargo.toml
(
    unset CARGO_TARGET_DIR
    nice -n 19 "$here/tool/debug/mutants" . "$here/copy" "$here/list.json" "$here/report" -p entragate "${tests[@]}"
) || missed=1

# Each by its name, and nothing else.
rest=()
while IFS= read -r name || [ -n "$name" ]; do
    rest+=(-F "^$(sed 's/[][\.*^$(){}?+|/&]/\\&/g' <<<"$name")\$")
done <"$here/report/other.txt"
[ ${#rest[@]} -eq 0 ] ||
    nice -n 19 .tools/bin/cargo-mutants mutants --no-shuffle --timeout 120 --output "$here" "${selection[@]}" "${rest[@]}" \
        -- -p entragate "${tests[@]}" || missed=1
exit $missed
