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
source tools/python.sh

require_python "the client tests"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
    fail "the clients require Python 3.10 or later; this is $(python3 --version 2>&1)" "put a newer python3 first on the PATH"

wanted=$(python3 --version && cat "$requirements" "$constraints")
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && "$destination/bin/python" -c 'import anthropic, azure.identity, huggingface_hub, langchain_openai, mcp, openai' 2>/dev/null; then
    exit 0
fi

echo "==> clients: installing the Python clients (Hugging Face, OpenAI, Anthropic, LangChain, MCP, azure-identity)"
install_packages "$destination" "$requirements"
printf '%s\n' "$wanted" >"$stamp"
echo "    $destination/bin/python: $("$destination/bin/python" -c \
    'import openai, huggingface_hub; print("openai", openai.__version__ + ",", "huggingface_hub", huggingface_hub.__version__)')"
