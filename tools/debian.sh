# Sourced by scripts that unpack packages of the Debian archive under .tools/. The packages are not installed, so root is not required.

# Unpacks packages. usage: unpack_debian WORK PACKAGE…; WORK is a directory under .tools/, and the files are in WORK/tree.
unpack_debian() {
    local work=$1 package options=()
    shift
    chmod 755 "$work"
    mkdir -p "$work/lists/partial" "$work/debs" "$work/tree"
    # Separate package lists if the system has none: in a fresh container `apt-get update` has not run.
    if ! apt-cache show "$1" >/dev/null 2>&1; then
        options=(-o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache")
        mkdir -p "$work/cache/archives/partial"
        apt-get "${options[@]}" -qq update
    fi
    (cd "$work/debs" && apt-get "${options[@]}" -qq -o APT::Sandbox::User=root download "$@")
    for package in "$work"/debs/*.deb; do
        dpkg -x "$package" "$work/tree"
    done
}
