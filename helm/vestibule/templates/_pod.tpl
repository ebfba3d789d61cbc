{{/* The pod of the Deployment and of the StatefulSet. */}}
{{- define "vestibule.pod" -}}
metadata:
  labels:
    # Not the chart's version: an upgrade that changes nothing here starts nobody anew.
    {{- include "vestibule.selector" . | nindent 4 }}
    {{- with merge (dict) .Values.podLabels .Values.customLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # Another configuration, another pod.
    checksum/config: {{ toYaml .Values.config | sha256sum }}
    checksum/secrets: {{ toYaml .Values.secrets | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "vestibule.serviceAccount" . }}
  automountServiceAccountToken: false
  # Otherwise every Service of the namespace would be told in the environment.
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  securityContext:
    {{- toYaml .Values.podSecurityContext | nindent 4 }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.extraInitContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: vestibule
      image: {{ include "vestibule.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [run, --config, /etc/vestibule/config.yaml{{ range .Values.extraArgs }}, {{ . | quote }}{{ end }}]
      env:
        {{- include "vestibule.twins" . | nindent 8 }}
        {{- with .Values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with .Values.envFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - {name: http, containerPort: 4180, protocol: TCP}
        {{- if include "vestibule.authz" . }}
        - {name: authz, containerPort: 4181, protocol: TCP}
        {{- end }}
        {{- if .Values.authz.grpc.enabled }}
        - {name: grpc, containerPort: 4182, protocol: TCP}
        {{- end }}
        {{- if .Values.metrics.enabled }}
        - {name: metrics, containerPort: {{ .Values.metrics.port }}, protocol: TCP}
        {{- end }}
      {{- if .Values.startupProbe.enabled }}
      startupProbe:
        {{- include "vestibule.probe" (dict "context" . "path" "/healthz") | nindent 8 }}
        periodSeconds: {{ .Values.startupProbe.periodSeconds }}
        timeoutSeconds: 5
        failureThreshold: {{ .Values.startupProbe.failureThreshold }}
      {{- end }}
      {{- if .Values.livenessProbe.enabled }}
      livenessProbe:
        {{- include "vestibule.probe" (dict "context" . "path" "/healthz") | nindent 8 }}
        {{- omit .Values.livenessProbe "enabled" | toYaml | nindent 8 }}
      {{- end }}
      {{- if .Values.readinessProbe.enabled }}
      readinessProbe:
        {{- include "vestibule.probe" (dict "context" . "path" "/readyz") | nindent 8 }}
        {{- omit .Values.readinessProbe "enabled" | toYaml | nindent 8 }}
      {{- end }}
      securityContext:
        {{- toYaml .Values.securityContext | nindent 8 }}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      volumeMounts:
        - {name: config, mountPath: /etc/vestibule, readOnly: true}
        {{- if .Values.console.enabled }}
        - {name: run, mountPath: /run/vestibule}
        {{- end }}
        {{- if ne .Values.state.type "none" }}
        - {name: state, mountPath: /var/lib/vestibule}
        {{- end }}
        {{- with .Values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    {{- with .Values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    {{- include "vestibule.configVolume" . | nindent 4 }}
    {{- if .Values.console.enabled }}
    - name: run
      emptyDir: {medium: Memory, sizeLimit: 1Mi}
    {{- end }}
    {{- if eq .Values.state.type "emptyDir" }}
    - name: state
      emptyDir: {sizeLimit: {{ .Values.state.size }}}
    {{- else if .Values.state.existingClaim }}
    - name: state
      persistentVolumeClaim: {claimName: {{ .Values.state.existingClaim | quote }}}
    {{- end }}
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  topologySpreadConstraints:
    {{- if .Values.topologySpreadConstraints }}
    {{- toYaml .Values.topologySpreadConstraints | nindent 4 }}
    {{- else }}
    {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
    - topologyKey: {{ . }}
      maxSkew: 1
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "vestibule.selector" $ | nindent 10 }}
    {{- end }}
    {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . | quote }}
  {{- end }}
  {{- with .Values.hostAliases }}
  hostAliases:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.dnsConfig }}
  dnsConfig:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* By HTTP where the kubelet can reach the listener; else the program asks itself, for the image has no other. */}}
{{- define "vestibule.probe" -}}
{{- if .context.Values.metrics.enabled -}}
httpGet: {path: {{ .path }}, port: metrics}
{{- else -}}
exec:
  command: [/usr/local/bin/vestibule, healthcheck, --url, "http://127.0.0.1:{{ .context.Values.metrics.port }}{{ .path }}"]
{{- end -}}
{{- end -}}

{{/* One folder: the configuration, the files that it names, and the secret ones. */}}
{{- define "vestibule.configVolume" -}}
- name: config
  projected:
    # The gate's group reads them, nobody else does.
    defaultMode: 0440
    sources:
      {{- if .Values.config.existingSecret }}
      - secret:
          name: {{ .Values.config.existingSecret | quote }}
          items: [{key: config.yaml, path: config.yaml}]
      {{- else if .Values.config.existingConfigMap }}
      - configMap:
          name: {{ .Values.config.existingConfigMap | quote }}
          items: [{key: config.yaml, path: config.yaml}]
      {{- end }}
      {{- if or .Values.config.configData .Values.config.configFile .Values.config.files }}
      - configMap: {name: {{ include "vestibule.fullname" . }}}
      {{- end }}
      {{- if .Values.secrets.existingSecret }}
      - secret: {name: {{ .Values.secrets.existingSecret | quote }}}
      {{- else if .Values.secrets.files }}
      - secret: {name: {{ include "vestibule.fullname" . }}}
      {{- end }}
      {{- if eq .Values.sessionStorage.type "redis" }}
      {{- $redis := .Values.sessionStorage.redis }}
      {{- with $redis.existingSecret }}
      - secret:
          name: {{ . | quote }}
          items: [{key: {{ $redis.passwordKey | quote }}, path: redis/password}]
      {{- end }}
      {{- if and $redis.sentinel.existingSecret (eq $redis.clientType "sentinel") }}
      - secret:
          name: {{ $redis.sentinel.existingSecret | quote }}
          items: [{key: {{ $redis.sentinel.passwordKey | quote }}, path: redis/sentinel-password}]
      {{- end }}
      {{- end }}
{{- end -}}
