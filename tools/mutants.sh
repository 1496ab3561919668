#!/usr/bin/env bash
# Mutation tests: applies every change that cargo-mutants generates and reports the changes that no test detects. All changes are
# compiled into one copy of the sources (mutants/), so that one build suffices instead of one per change. Fails if an undetected
# change is not excluded, with a reason, in .cargo/mutants.toml.
# usage: tools/mutants.sh [file…]
set -euo pipefail
cd "$(dirname "$0")/.."
files=("$@")
[ ${#files[@]} -gt 0 ] || files=('src/token/*.rs' src/token/claims/forms.rs 'src/keys/*.rs' 'src/policy/*.rs' src/decision.rs 'src/decision/*.rs'
    src/json/raw.rs src/logic.rs src/cache.rs src/cache/digest.rs src/gate/request/identify.rs src/gate/request/authorizer.rs
    src/gate/request/read.rs src/revocation/directory/entries.rs src/revocation/directory/list.rs src/revocation/directory/list/answer.rs
    src/revocation/directory/list/round.rs 'src/bin/entragate/prove/*.rs' 'src/bin/entragate/prove/concrete/*.rs'
    'src/bin/entragate/prove/facts/*.rs')
# The command line is tested by its unit tests, everything else also by tests/it.
tests=()
for file in "${files[@]}"; do
    case $file in
        src/bin/*) [[ " ${tests[*]} " == *" --bin "* ]] || tests=(--bin entragate "${tests[@]}") ;;
        *) [[ " ${tests[*]} " == *" --lib "* ]] || tests+=(--lib --test it) ;;
    esac
done

tools/tool.sh cargo-mutants 27.1.0
selection=()
for file in "${files[@]}"; do selection+=(-f "$file"); done
here=target/mutants
mkdir -p "$here/copy"
list=(.tools/bin/cargo-mutants mutants --list --json "${selection[@]}")
"${list[@]}" >"$here/list.json"
count() { grep -c '"name":'; }
excluded=$(($("${list[@]}" --no-config | count) - $(count <"$here/list.json")))
git ls-files | sort >"$here/files.new"
[ ! -f "$here/files" ] || comm -23 "$here/files" "$here/files.new" | (cd "$here/copy" && xargs -rd '\n' rm -f)
mv "$here/files.new" "$here/files"
xargs -d '\n' cp --parents -pt "$here/copy" <"$here/files"
CARGO_TARGET_DIR=target/mutants/tool cargo build --quiet --locked --manifest-path mutants/Cargo.toml
unset CARGO_TARGET_DIR
passed=0
nice -n 19 "$here/tool/debug/mutants" . "$here/copy" "$here/list.json" "$here/report" -p entragate "${tests[@]}" || passed=$?
printf '    %s changes excluded, each with a reason in .cargo/mutants.toml; report: %s\n' "$excluded" "$here/report"
exit "$passed"
