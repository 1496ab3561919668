#!/usr/bin/env bash
# Installs Helm's engine and the schemas of Kubernetes (tests/helm/requirements.txt) under .tools/helm. The tests of the chart run them
# with .tools/helm/bin/python. Does nothing if these versions are already installed.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/fail.sh
source tools/python.sh

requirements=tests/helm/requirements.txt
destination=.tools/helm
stamp=$destination/.installed # records what is installed; written last

require_python "the tests of the Helm chart"
wanted=$(python3 --version && cat "$requirements")
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then exit; fi

echo "==> helm: installing Helm's engine and the schemas of Kubernetes"
install_packages "$destination" "$requirements" "helm-python-sdk has wheels for Linux on x86-64, macOS and Windows"
printf '%s\n' "$wanted" >"$stamp"
echo "    $destination/bin/python: Helm $("$destination/bin/python" -c 'import helm_python; print(helm_python.helm_sdk_version())')"
