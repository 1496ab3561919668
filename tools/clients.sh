#!/usr/bin/env bash
# Installs the Python clients for the end-to-end tests (tests/clients/requirements.txt) under .tools/clients. The tests run
# them with .tools/clients/bin/python. Does nothing if these versions are already installed.
set -euo pipefail
cd "$(dirname "$0")/.."

requirements=tests/clients/requirements.txt
constraints=tests/clients/constraints.txt
destination=.tools/clients
stamp=$destination/.installed # records what is installed; written last

source tools/fail.sh

command -v python3 >/dev/null ||
    fail "the client tests require python3, which is not on the PATH" "Debian and Ubuntu: apt-get install python3 python3-venv"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
    fail "the clients require Python 3.10 or later; this is $(python3 --version 2>&1)" "put a newer python3 first on the PATH"

wanted=$(python3 --version && cat "$requirements" "$constraints")
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && "$destination/bin/python" -c 'import anthropic, azure.identity, huggingface_hub, langchain_openai, openai' 2>/dev/null; then
    exit 0
fi

echo "==> clients: installing the Python clients (Hugging Face, OpenAI, Anthropic, LangChain, azure-identity)"
rm -rf "$destination"
mkdir -p .tools
options=(--quiet --disable-pip-version-check --only-binary=:all: --requirement "$requirements")
install_error=("could not install the packages in $requirements" "see pip's error above; the packages come from PyPI or the index that pip is configured to use")

if python3 -m venv "$destination" >/dev/null 2>&1; then
    "$destination/bin/python" -m pip install "${options[@]}" || fail "${install_error[@]}"
elif python3 -m pip --version >/dev/null 2>&1; then
    # Debian's python3 without python3-venv: install into a directory and write a wrapper that sets PYTHONPATH.
    rm -rf "$destination"
    python3 -m pip install "${options[@]}" --target "$destination/packages" || fail "${install_error[@]}"
    mkdir -p "$destination/bin"
    cat >"$destination/bin/python" <<EOF
#!/bin/sh
PYTHONPATH="$PWD/$destination/packages" exec "$(command -v python3)" "\$@"
EOF
    chmod +x "$destination/bin/python"
else
    fail "python3 has neither venv nor pip" "Debian and Ubuntu: apt-get install python3-venv; elsewhere: python3 -m ensurepip"
fi

printf '%s\n' "$wanted" >"$stamp"
echo "    $destination/bin/python: $("$destination/bin/python" -c \
    'import openai, huggingface_hub; print("openai", openai.__version__ + ",", "huggingface_hub", huggingface_hub.__version__)')"
