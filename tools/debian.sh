# Sourced by scripts that unpack packages from the Debian archive under .tools/. The packages are not installed, so root is not required.

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

# Installs a binary and the libraries that were unpacked beside it. usage: install_with_libraries WORK BINARY; WORK is that of
# unpack_debian, and WORK/out/bin/BINARY starts the binary with these libraries.
install_with_libraries() {
    local out=$1/out binary=$2
    mkdir -p "$out/bin" "$out/lib"
    # A binary can be a link to another one.
    cp -L "$1/tree/usr/bin/$binary" "$out/lib/$binary"
    find "$1/tree" -name '*.so*' -exec cp -P {} "$out/lib/" \;
    cat >"$out/bin/$binary" <<WRAPPER
#!/bin/sh
here=\$(dirname "\$(readlink -f "\$0")")/..
LD_LIBRARY_PATH="\$here/lib\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}" exec "\$here/lib/$binary" "\$@"
WRAPPER
    chmod +x "$out/bin/$binary"
}
