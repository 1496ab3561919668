#!/usr/bin/env bash
# Installs the named Rust components with rustup if they are missing.
# usage: tools/need-component.sh rustfmt|clippy ...
set -euo pipefail

for component; do
    case $component in
    rustfmt) command=fmt ;;
    *) command=$component ;;
    esac
    cargo "$command" --version >/dev/null 2>&1 && continue
    echo "==> lint: adding the Rust component $component"
    rustup component add "$component" || {
        printf 'error: the Rust component %s is missing and could not be added\n' "$component" >&2
        printf '       install it with: rustup component add %s\n' "$component" >&2
        exit 1
    }
done
