#!/usr/bin/env bash
# Installs Helm's engine and the schemas of Kubernetes (tests/helm/requirements.txt) under .tools/helm. The tests of the chart run them
# with .tools/helm/bin/python. Does nothing if these versions are already installed.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/fail.sh

requirements=tests/helm/requirements.txt
destination=.tools/helm
stamp=$destination/.installed # records what is installed; written last

command -v python3 >/dev/null ||
    fail "the tests of the Helm chart require python3, which is not on the PATH" "Debian and Ubuntu: apt-get install python3 python3-venv"
wanted=$(python3 --version && cat "$requirements")
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then exit; fi

echo "==> helm: installing Helm's engine and the schemas of Kubernetes"
rm -rf "$destination"
mkdir -p .tools
python3 -m venv "$destination" >/dev/null ||
    fail "python3 has no venv" "Debian and Ubuntu: apt-get install python3-venv"
"$destination/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary=:all: --requirement "$requirements" ||
    fail "could not install the packages in $requirements" "see pip's error above; the packages come from PyPI or the index that pip is configured to use" \
        "helm-python-sdk has wheels for Linux on x86-64, macOS and Windows"
printf '%s\n' "$wanted" >"$stamp"
echo "    $destination/bin/python: Helm $("$destination/bin/python" -c 'import helm_python; print(helm_python.helm_sdk_version())')"
