{{- define "vestibule.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* At most 52 characters: a StatefulSet's pods carry eleven more in a label. */}}
{{- define "vestibule.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "vestibule.selector" -}}
app.kubernetes.io/name: {{ include "vestibule.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "vestibule.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "vestibule.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | trunc 63 | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.customLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* What every object is called and bears: (dict "context" $ "suffix" "-authz" "annotations" {…} "labels" {…}). */}}
{{- define "vestibule.metadata" -}}
name: {{ include "vestibule.fullname" .context }}{{ .suffix }}
namespace: {{ .context.Release.Namespace }}
labels:
  {{- include "vestibule.labels" .context | nindent 2 }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with merge (dict) (.annotations | default dict) .context.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "vestibule.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "vestibule.serviceAccount" -}}
{{- if .Values.serviceAccount.name -}}
{{ .Values.serviceAccount.name }}
{{- else if .Values.serviceAccount.enabled -}}
{{ include "vestibule.fullname" . }}
{{- else -}}
default
{{- end -}}
{{- end -}}

{{/* The configuration as far as the chart can see it, as YAML; empty where it is in somebody else's object. */}}
{{- define "vestibule.visible" -}}
{{- if .Values.config.configFile -}}
{{- $read := fromYaml .Values.config.configFile -}}
{{- with $read.Error }}{{ fail (printf "config.configFile is not YAML: %s" .) }}{{ end -}}
{{- toYaml $read -}}
{{- else -}}
{{- toYaml .Values.config.configData -}}
{{- end -}}
{{- end -}}

{{/* What the visible configuration says of the shared store. */}}
{{- define "vestibule.writtenRedis" -}}
{{- $config := include "vestibule.visible" . | fromYaml -}}
{{- toYaml (kindIs "map" $config.redis | ternary $config.redis dict) -}}
{{- end -}}

{{/* Whether gateways ask this gate: "true" or "". */}}
{{- define "vestibule.authz" -}}
{{- if kindIs "bool" .Values.authz.enabled -}}
{{- if .Values.authz.enabled }}true{{ end -}}
{{- else -}}
{{- $config := include "vestibule.visible" . | fromYaml -}}
{{- $asked := dict "is" (eq (toString $config.forward_auth) "true") -}}
{{- range $config.sites -}}
{{- if eq (toString .forward_auth) "true" }}{{ $_ := set $asked "is" true }}{{ end -}}
{{- end -}}
{{- if $asked.is }}true{{ end -}}
{{- end -}}
{{- end -}}

{{/* The hosts that people type, one a line: of the configuration's public addresses. */}}
{{- define "vestibule.hosts" -}}
{{- $config := include "vestibule.visible" . | fromYaml -}}
{{- $urls := list -}}
{{- range concat (list $config) ($config.sites | default list) ($config.sign_on | default list) -}}
{{- with .public_url }}{{ $urls = append $urls . }}{{ end -}}
{{- range .public_urls }}{{ $urls = append $urls . }}{{ end -}}
{{- end -}}
{{- $hosts := list -}}
{{- range $urls -}}
{{- $hosts = append $hosts (regexReplaceAll "^[a-z]+://([^/:]+).*$" . "${1}") -}}
{{- end -}}
{{- $hosts | uniq | join "\n" -}}
{{- end -}}

{{- define "vestibule.minReplicas" -}}
{{- if .Values.autoscaling.enabled }}{{ .Values.autoscaling.minReplicas }}{{ else }}{{ .Values.replicaCount }}{{ end -}}
{{- end -}}

{{- define "vestibule.several" -}}
{{- if or .Values.autoscaling.enabled (gt (int .Values.replicaCount) 1) }}true{{ end -}}
{{- end -}}

{{/* The environment twins that the chart sets: what only it knows. */}}
{{- define "vestibule.twins" -}}
- name: VESTIBULE__LISTEN__PUBLIC
  value: {{ printf "%s:4180" .Values.listenAddress | quote }}
- name: VESTIBULE__LISTEN__AUTHZ
  value: {{ eq (include "vestibule.authz" .) "true" | ternary (printf "%s:4181" .Values.listenAddress) "off" | quote }}
{{- if .Values.authz.grpc.enabled }}
- name: VESTIBULE__LISTEN__GRPC
  value: {{ printf "%s:4182" .Values.listenAddress | quote }}
{{- end }}
- name: VESTIBULE__ADMIN__LISTEN
  value: {{ .Values.metrics.enabled | ternary (printf "%s:%v" .Values.listenAddress .Values.metrics.port) (printf "127.0.0.1:%v" .Values.metrics.port) | quote }}
{{- if .Values.console.enabled }}
- name: VESTIBULE__CONSOLE__LISTEN
  value: unix:/run/vestibule/console.sock
{{- end }}
{{- if ne .Values.state.type "none" }}
- name: VESTIBULE__STATE_DIR
  value: /var/lib/vestibule/state
- name: VESTIBULE__STATE_KEY_FILE
  value: {{ .Values.state.keyFile | quote }}
{{- end }}
{{- if eq .Values.sessionStorage.type "redis" }}
{{- $redis := .Values.sessionStorage.redis }}
- name: VESTIBULE__STORE
  value: redis
{{- if eq $redis.clientType "standalone" }}
{{- with $redis.standalone.connectionUrl }}
- name: VESTIBULE__REDIS__URL
  value: {{ . | quote }}
{{- end }}
{{- else if eq $redis.clientType "cluster" }}
- name: VESTIBULE__REDIS__CLUSTER
  value: "true"
{{- range $at, $url := $redis.cluster.connectionUrls }}
- name: VESTIBULE__REDIS__URL__{{ $at }}
  value: {{ $url | quote }}
{{- end }}
{{- else }}
{{- with $redis.sentinel.masterName }}
- name: VESTIBULE__REDIS__SENTINEL__NAME
  value: {{ . | quote }}
{{- end }}
{{- range $at, $url := $redis.sentinel.connectionUrls }}
- name: VESTIBULE__REDIS__SENTINEL__URL__{{ $at }}
  value: {{ $url | quote }}
{{- end }}
{{- if $redis.sentinel.existingSecret }}
- name: VESTIBULE__REDIS__SENTINEL__PASSWORD_FILE
  value: redis/sentinel-password
{{- end }}
{{- end }}
{{- with $redis.username }}
- name: VESTIBULE__REDIS__USERNAME
  value: {{ . | quote }}
{{- end }}
{{- if $redis.existingSecret }}
- name: VESTIBULE__REDIS__PASSWORD_FILE
  value: redis/password
{{- end }}
{{- end }}
{{- end -}}
