{{/* What would not work, or would work until it hurts: refused before anything is installed, with the reason. */}}
{{- define "vestibule.refusals" -}}
{{- $config := include "vestibule.visible" . | fromYaml -}}
{{- $ways := list -}}
{{- with .Values.config.configData }}{{ $ways = append $ways "configData" }}{{ end -}}
{{- with .Values.config.configFile }}{{ $ways = append $ways "configFile" }}{{ end -}}
{{- with .Values.config.existingConfigMap }}{{ $ways = append $ways "existingConfigMap" }}{{ end -}}
{{- with .Values.config.existingSecret }}{{ $ways = append $ways "existingSecret" }}{{ end -}}
{{- if ne (len $ways) 1 -}}
{{- fail (printf "config: exactly one of configData, configFile, existingConfigMap and existingSecret says what the gate does; here %s" (empty $ways | ternary "none does" (join " and " $ways))) -}}
{{- end -}}

{{- $memory := eq .Values.sessionStorage.type "memory" -}}
{{- if and $memory (include "vestibule.several" .) -}}
{{- fail "sessionStorage.type is memory, and there would be more than one replica (replicaCount, autoscaling): each would know only the sessions that began at it, and people would be sent to sign in again and again. Keep one replica, or share the sessions: sessionStorage.type: redis" -}}
{{- end -}}
{{- if hasKey $config "store" -}}
{{- fail "the configuration has store, which the chart sets by itself (sessionStorage.type): remove the key, for the number of replicas depends on it" -}}
{{- end -}}
{{- $written := include "vestibule.writtenRedis" . | fromYaml -}}
{{- $sentinel := kindIs "map" $written.sentinel | ternary $written.sentinel dict -}}
{{- range $key, $urls := dict "redis.url" $written.url "redis.sentinel.url" $sentinel.url -}}
{{- range $url := kindIs "slice" $urls | ternary $urls (list $urls) -}}
{{- if contains "@" (toString $url) -}}
{{- fail (printf "%s in the configuration names a user or holds a password, where everybody can read it who may read the object: write the address alone, the user in sessionStorage.redis.username, and the password in a Secret that sessionStorage.redis.existingSecret names" $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if or (hasKey $written "password") (hasKey $sentinel "password") -}}
{{- fail "the configuration has redis.password, where everybody can read it who may read the object: put it into a Secret, and name that in sessionStorage.redis.existingSecret (of the Sentinels: sessionStorage.redis.sentinel.existingSecret)" -}}
{{- end -}}
{{- if and $memory (hasKey $config "redis") -}}
{{- fail "the configuration has redis, and sessionStorage.type is memory: set sessionStorage.type: redis, or remove the section" -}}
{{- end -}}
{{- if not $memory -}}
{{- $redis := .Values.sessionStorage.redis -}}
{{- $where := dict "standalone" $redis.standalone.connectionUrl "cluster" $redis.cluster.connectionUrls "sentinel" (and $redis.sentinel.connectionUrls $redis.sentinel.masterName) -}}
{{- $inConfiguration := or $written.url $sentinel.url -}}
{{- if and $inConfiguration (get $where $redis.clientType) -}}
{{- fail (printf "the address of the store stands in the configuration (redis) and in sessionStorage.redis.%s: say it once" $redis.clientType) -}}
{{- end -}}
{{- if not (or $inConfiguration (get $where $redis.clientType)) -}}
{{- fail (printf "sessionStorage.redis.clientType is %s, and nothing says where it is: fill in sessionStorage.redis.%s" $redis.clientType $redis.clientType) -}}
{{- end -}}
{{- $session := $config.session | default dict -}}
{{- if and $config (not (or $session.secret $session.secret_file .Values.extraEnv .Values.envFrom)) -}}
{{- fail "sessionStorage.type is redis, and the configuration has no session.secret_file: what one replica seals, the others must open, so all need the same secret. `vestibule keygen` makes one (session-secret)" -}}
{{- end -}}
{{- end -}}

{{- range $key := list "listen" "admin" -}}
{{- if hasKey $config $key -}}
{{- fail (printf "the configuration has %s, which the chart sets by itself (listenAddress, authz, metrics): remove the key, for the Services would lead elsewhere" $key) -}}
{{- end -}}
{{- end -}}

{{- if and (hasKey $config "console") .Values.console.enabled -}}
{{- fail "console stands in the configuration and console.enabled in the values: say it once" -}}
{{- end -}}

{{- if and (hasKey $config "state_dir") (ne .Values.state.type "none") -}}
{{- fail "state_dir stands in the configuration and state.type in the values: say it once, by state.type" -}}
{{- end -}}
{{- if and (hasKey $config "state_dir") (include "vestibule.several" .) -}}
{{- fail "state_dir stands in the configuration, and there would be more than one replica: a folder that they share is not made for several writers, each would overwrite what another has just learnt. Use state.type: persistentVolume (a volume for each replica) or emptyDir" -}}
{{- end -}}
{{- if and (hasKey $config "state_dir") (not .Values.extraVolumeMounts) -}}
{{- fail "state_dir stands in the configuration, and the container's file system is read-only: use state.type, or mount a volume there by extraVolumes and extraVolumeMounts" -}}
{{- end -}}
{{- if and .Values.state.existingClaim (include "vestibule.several" .) -}}
{{- fail "state.existingClaim is one volume, and there would be more than one replica: state_dir must be each replica's own. Leave existingClaim empty, and the StatefulSet makes one for each" -}}
{{- end -}}
{{- if and .Values.state.existingClaim (ne .Values.state.type "persistentVolume") -}}
{{- fail "state.existingClaim needs state.type: persistentVolume" -}}
{{- end -}}
{{- if and (ne .Values.state.type "none") (not (or .Values.secrets.existingSecret (hasKey .Values.secrets.files .Values.state.keyFile))) -}}
{{- fail (printf "state.type is %s, and nothing brings %s, the key that seals what is kept: `vestibule keygen` makes one; put it into secrets.existingSecret" .Values.state.type .Values.state.keyFile) -}}
{{- end -}}

{{- if and .Values.secrets.existingSecret .Values.secrets.files -}}
{{- fail "secrets: existingSecret or files, not both" -}}
{{- end -}}
{{- range $name, $_ := .Values.config.files -}}
{{- if or (eq $name "config.yaml") (hasKey $.Values.secrets.files $name) -}}
{{- fail (printf "config.files.%s: another file has that name" $name) -}}
{{- end -}}
{{- end -}}
{{- if hasKey .Values.secrets.files "config.yaml" -}}
{{- fail "secrets.files: config.yaml is the configuration's name; a secret one goes into config.existingSecret" -}}
{{- end -}}

{{- if and (or .Values.config.existingConfigMap .Values.config.existingSecret) (not (kindIs "bool" .Values.authz.enabled)) -}}
{{- fail "the configuration is in an object of its own, where the chart cannot look: say by authz.enabled (true or false) whether gateways ask this gate (forward_auth)" -}}
{{- end -}}
{{- if and .Values.authz.grpc.enabled (not (include "vestibule.authz" .)) -}}
{{- fail "authz.grpc.enabled: no gateway asks this gate, since the configuration has no forward_auth" -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) (not (include "vestibule.hosts" .)) -}}
{{- fail "ingress.hosts: the configuration's hosts cannot be seen here, so they must be listed" -}}
{{- end -}}
{{- if .Values.gatewayApi.enabled -}}
{{- if not .Values.gatewayApi.gatewayRef.name -}}
{{- fail "gatewayApi.gatewayRef.name: the route needs a Gateway to belong to" -}}
{{- end -}}
{{- if and .Values.gatewayApi.externalAuth.enabled (not (include "vestibule.authz" .)) -}}
{{- fail "gatewayApi.externalAuth asks the gate, and it answers nobody: set forward_auth: true in the configuration (or authz.enabled)" -}}
{{- end -}}
{{- if and .Values.gatewayApi.externalAuth.enabled (eq .Values.gatewayApi.externalAuth.protocol "GRPC") (not .Values.authz.grpc.enabled) -}}
{{- fail "gatewayApi.externalAuth.protocol is GRPC: that needs authz.grpc.enabled" -}}
{{- end -}}
{{- if and .Values.gatewayApi.externalAuth.enabled (not .Values.gatewayApi.externalAuth.backendRef) -}}
{{- fail "gatewayApi.externalAuth.backendRef: name and port of the application's Service" -}}
{{- end -}}
{{- end -}}
{{- if and .Values.metrics.serviceMonitor.enabled (not .Values.metrics.enabled) -}}
{{- fail "metrics.serviceMonitor needs metrics.enabled" -}}
{{- end -}}
{{- end -}}
