{{- define "entragate.labels" -}}
app.kubernetes.io/name: entragate
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "entragate.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ .Values.serviceAccount.name | default .Release.Name }}{{ else }}{{ .Values.serviceAccount.name | default "default" }}{{ end }}
{{- end }}

{{- /* A cluster for a host that is reached over TLS with a verified certificate, or without TLS. */}}
{{- define "entragate.cluster" -}}
name: {{ .name }}
type: LOGICAL_DNS
dns_lookup_family: V4_PREFERRED
connect_timeout: 5s
load_assignment:
  cluster_name: {{ .name }}
  endpoints:
  - lb_endpoints:
    - endpoint: {address: {socket_address: {address: {{ .host }}, port_value: {{ .port | default 443 }}}}}
{{- if ne .tls false }}
transport_socket:
  name: envoy.transport_sockets.tls
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
    sni: {{ .host }}
    common_tls_context:
      tls_params: {tls_minimum_protocol_version: TLSv1_2}
      validation_context:
        trusted_ca: {filename: /etc/ssl/certs/ca-certificates.crt}
        match_typed_subject_alt_names:
        - {san_type: DNS, matcher: {exact: {{ .host }}}}
{{- end }}
{{- end }}

{{- define "entragate.listenerTls" -}}
name: envoy.transport_sockets.tls
typed_config:
  "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
  common_tls_context:
    alpn_protocols: [h2, http/1.1]
    tls_params: {tls_minimum_protocol_version: TLSv1_2}
    tls_certificate_sds_secret_configs:
    - {name: certificate, sds_config: {path_config_source: {path: /etc/envoy/certificate.yaml}}}
{{- end }}

{{- /* Serves only the metrics and the readiness of the admin interface. */}}
{{- define "entragate.metricsListener" -}}
name: metrics
address: {socket_address: {address: 0.0.0.0, port_value: {{ .Values.metrics.port }}}}
ignore_global_conn_limit: true
filter_chains:
- filters:
  - name: envoy.filters.network.http_connection_manager
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
      stat_prefix: metrics
      normalize_path: true
      route_config:
        virtual_hosts:
        - name: metrics
          domains: ["*"]
          routes:
          - {match: {path: /stats/prometheus, headers: [{name: ":method", string_match: {exact: GET}}]}, route: {cluster: admin}}
          - {match: {path: /ready, headers: [{name: ":method", string_match: {exact: GET}}]}, route: {cluster: admin}}
      http_filters:
      - name: envoy.filters.http.router
        typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
{{- end }}

{{- /* The repository's envoy.yaml with the values. */}}
{{- define "entragate.envoy" -}}
{{- $envoy := .Files.Get "files/envoy.yaml" | fromYaml }}
{{- $static := $envoy.static_resources }}
{{- $listener := first $static.listeners }}
{{- $chain := first $listener.filter_chains }}
{{- $manager := (first $chain.filters).typed_config }}
{{- $plugin := (first $manager.http_filters).typed_config.config }}
{{- $names := list }}
{{- range .Values.environment }}{{ $names = append $names .name }}{{ end }}
{{- $_ := set $envoy "node" (dict "id" "gateway" "cluster" .Release.Name) }}
{{- $_ := set $plugin.vm_config.code.local "filename" "/etc/envoy/filter/plugin.wasm" }}
{{- $_ := set $plugin.vm_config "environment_variables" (dict "host_env_keys" $names) }}
{{- $_ := set $plugin.configuration "value" .Values.policy }}
{{- if .Values.tls.enabled }}
{{- $_ := set $chain "transport_socket" (include "entragate.listenerTls" . | fromYaml) }}
{{- end }}
{{- /* The first cluster is the issuer's, the second one the endpoint's: both are templates for the clusters in the values. */}}
{{- $endpoint := last $static.clusters }}
{{- $route := (first (first $manager.route_config.virtual_hosts).routes).route }}
{{- $clusters := list (include "entragate.cluster" (dict "name" "entra" "host" .Values.entra.host) | fromYaml) }}
{{- $hosts := list }}
{{- range .Values.endpoints }}
{{- $cluster := deepCopy $endpoint }}
{{- $_ := set $cluster "name" .name }}
{{- $address := dict "address" .host "port_value" 443 }}
{{- $lb := list (dict "endpoint" (dict "address" (dict "socket_address" $address))) }}
{{- $_ := set $cluster "load_assignment" (dict "cluster_name" .name "endpoints" (list (dict "lb_endpoints" $lb))) }}
{{- $clusters = append $clusters $cluster }}
{{- $action := mergeOverwrite (deepCopy $route) (dict "cluster" .name "host_rewrite_literal" .host) }}
{{- $routes := list (dict "match" (dict "prefix" (.prefix | default "/")) "route" $action) }}
{{- $hosts = append $hosts (dict "name" .name "domains" (.domains | default (list "*")) "routes" $routes) }}
{{- end }}
{{- range .Values.services }}
{{- $clusters = append $clusters (include "entragate.cluster" . | fromYaml) }}
{{- end }}
{{- $admin := dict "name" "admin" "host" "127.0.0.1" "port" 9901 "tls" false }}
{{- $clusters = append $clusters (include "entragate.cluster" $admin | fromYaml) }}
{{- $_ := set $manager.route_config "virtual_hosts" $hosts }}
{{- $_ := set $static "clusters" $clusters }}
{{- $_ := set $static "listeners" (list $listener (include "entragate.metricsListener" . | fromYaml)) }}
{{- range $envoy.overload_manager.resource_monitors }}
{{- if hasKey .typed_config "max_heap_size_bytes" }}{{ $_ := set .typed_config "max_heap_size_bytes" (int64 $.Values.envoy.maxHeapBytes) }}{{ end }}
{{- end }}
{{- toYaml $envoy }}
{{- end }}
