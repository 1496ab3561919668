#!/usr/bin/env bash
# Installs the Python clients that the end-to-end tests run (tests/clients/requirements.txt) under .tools/clients, for
# the tests to run with .tools/clients/bin/python. Does nothing where that is done already.
set -euo pipefail
cd "$(dirname "$0")/.."

requirements=tests/clients/requirements.txt
constraints=tests/clients/constraints.txt
destination=.tools/clients
stamp=$destination/.installed # what was installed, written last

source tools/fail.sh

command -v python3 >/dev/null ||
    fail "python3 is needed for the client tests, and is not on the PATH" "Debian and Ubuntu: apt-get install python3 python3-venv"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
    fail "the clients need Python 3.10 or later; this is $(python3 --version 2>&1)" "put a newer python3 first on the PATH"

wanted=$(python3 --version && cat "$requirements" "$constraints")
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && "$destination/bin/python" -c 'import azure.identity, huggingface_hub, langchain_openai, openai' 2>/dev/null; then
    exit 0
fi

echo "==> clients: installing the Python clients (Hugging Face, OpenAI, LangChain, azure-identity)"
rm -rf "$destination"
mkdir -p .tools
options=(--quiet --disable-pip-version-check --only-binary=:all: --requirement "$requirements")
unfetched=("could not install what $requirements names" "see pip's error above: the packages come from PyPI, or from the index pip is set up to use")

if python3 -m venv "$destination" >/dev/null 2>&1; then
    "$destination/bin/python" -m pip install "${options[@]}" || fail "${unfetched[@]}"
elif python3 -m pip --version >/dev/null 2>&1; then
    # Debian's python3 without python3-venv: a folder of packages, and a python that finds them.
    rm -rf "$destination"
    python3 -m pip install "${options[@]}" --target "$destination/packages" || fail "${unfetched[@]}"
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
