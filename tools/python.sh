# Sourced after tools/fail.sh: installs Python packages for the tests.

# require_python SUBJECT: fails unless python3 is on the PATH.
require_python() {
    command -v python3 >/dev/null ||
        fail "$1 require python3, which is not on the PATH" "Debian and Ubuntu: apt-get install python3 python3-venv"
}

# install_packages DESTINATION REQUIREMENTS [HINT...]: installs the packages anew; DESTINATION/bin/python runs with them.
install_packages() {
    local destination=$1 requirements=$2
    local options=(--quiet --disable-pip-version-check --only-binary=:all: --requirement "$requirements")
    local error=("could not install the packages in $requirements" "see pip's error above; the packages come from PyPI or the index that pip is configured to use" "${@:3}")
    rm -rf "$destination"
    mkdir -p .tools
    if python3 -m venv "$destination" >/dev/null 2>&1; then
        "$destination/bin/python" -m pip install "${options[@]}" || fail "${error[@]}"
    elif python3 -m pip --version >/dev/null 2>&1; then
        # Debian's python3 without python3-venv: install into a directory and write a wrapper that sets PYTHONPATH.
        rm -rf "$destination"
        python3 -m pip install "${options[@]}" --target "$destination/packages" || fail "${error[@]}"
        mkdir -p "$destination/bin"
        cat >"$destination/bin/python" <<EOF
#!/bin/sh
PYTHONPATH="$PWD/$destination/packages" exec "$(command -v python3)" "\$@"
EOF
        chmod +x "$destination/bin/python"
    else
        fail "python3 has neither venv nor pip" "Debian and Ubuntu: apt-get install python3-venv; elsewhere: python3 -m ensurepip"
    fi
}
