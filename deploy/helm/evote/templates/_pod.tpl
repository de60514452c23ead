{{/* What every pod of the release has: no token, no privilege, no writable root; the machines that the city names. Arguments: root, service. */}}
{{- define "evote.podSecurity" -}}
serviceAccountName: {{ include "evote.name" . }}
automountServiceAccountToken: false
# Kubernetes would set <release>_PORT and the like; with a release called evote these are settings of ours.
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- with .root.Values.scheduling.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- include "evote.bearing" .root }}
{{- end }}

{{/* Of everybody's pods, operators' included. */}}
{{- define "evote.bearing" -}}
{{- with .Values.scheduling.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.scheduling.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- end }}

{{- define "evote.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}

{{/* Replicas of one service stand in zones and on machines of their own: what one fault takes is one of them. */}}
{{- define "evote.spread" -}}
topologySpreadConstraints:
  {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - topologyKey: {{ $key }}
    maxSkew: 1
    whenUnsatisfiable: {{ if eq $key "kubernetes.io/hostname" }}{{ $.root.Values.spread }}{{ else }}ScheduleAnyway{{ end }}
    # A machine that is emptied or gone is none: counted as one without replicas, it would keep those that leave it from
    # standing anywhere else.
    nodeTaintsPolicy: Honor
    labelSelector:
      matchLabels:
        {{- include "evote.selector" $ | nindent 8 }}
    # Counted by release of the program: otherwise the replicas that are leaving push the new ones together.
    matchLabelKeys: [{{ if eq $.service "ledger-anchor" }}controller-revision-hash{{ else }}pod-template-hash{{ end }}]
  {{- end }}
{{- end }}

{{/* Memory is bounded; processor time is not, since a limit would slow a replica down while the machine is idle. */}}
{{- define "evote.resources" -}}
resources:
  requests:
    cpu: {{ .cpu | quote }}
    memory: {{ .memory | quote }}
  limits:
    memory: {{ .memoryLimit | quote }}
{{- end }}

{{/* A quantity of memory as a number, to compare two. */}}
{{- define "evote.bytes" -}}
{{- $units := dict "" 1 "m" 0.001 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- $unit := regexFind "[A-Za-z]*$" (toString .) -}}
{{ mulf (trimSuffix $unit (toString .) | float64) (get $units $unit) }}
{{- end }}

{{/* How the service's own role, or the schema's owner, reaches PostgreSQL. Arguments: root, service, owner, name. */}}
{{- define "evote.databaseEnv" -}}
{{- $place := include "evote.databasePlace" . | fromYaml -}}
- name: DATABASE_USER
  valueFrom: {secretKeyRef: {name: {{ include "evote.name" . }}-database{{ if .owner }}-owner{{ end }}, key: username}}
- name: DATABASE_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ include "evote.name" . }}-database{{ if .owner }}-owner{{ end }}, key: password}}
- name: {{ .name }}
  {{- $query := ternary "sslmode=disable" "sslmode=verify-full&sslrootcert=/etc/evote/database/ca.crt" (eq $place.ca "") }}
  value: {{ printf "postgresql://$(DATABASE_USER):$(DATABASE_PASSWORD)@%s:%v/%s?%s" $place.host $place.port $place.database $query | quote }}
{{- end }}

{{/* host, port, database, and the Secret with the authority of its certificate. */}}
{{- define "evote.databasePlace" -}}
{{- $which := ternary "biometric" "main" (eq .service "biometric") -}}
{{- if eq .root.Values.postgresql.mode "cloudnativepg" -}}
host: {{ include "evote.cluster" . }}-rw
port: 5432
database: evote
ca: {{ include "evote.cluster" . }}-ca
{{- else -}}
{{- $place := index .root.Values.postgresql.external $which -}}
host: {{ $place.host | quote }}
port: {{ $place.port }}
database: {{ $place.database | quote }}
ca: {{ $place.plaintext | ternary "" (printf "%s-database-ca" .root.Release.Name) | quote }}
{{- end -}}
{{- end }}

{{/* biometric's database is a cluster apart: when an election's templates are erased, no backup of others keeps them. */}}
{{- define "evote.cluster" -}}
{{ .root.Release.Name }}-pg{{ if eq .service "biometric" }}-biometric{{ end }}
{{- end }}

{{- define "evote.databaseVolume" -}}
{{- $place := include "evote.databasePlace" . | fromYaml -}}
{{- if $place.ca }}
- name: database
  secret:
    secretName: {{ $place.ca }}
    defaultMode: 0440
    items: [{key: ca.crt, path: ca.crt}]
{{- end }}
{{- end }}

{{- define "evote.databaseMount" -}}
{{- $place := include "evote.databasePlace" . | fromYaml -}}
{{- if $place.ca }}
- {name: database, mountPath: /etc/evote/database, readOnly: true}
{{- end }}
{{- end }}

{{/* The service as Kafka sees it. */}}
{{- define "evote.kafkaEnv" -}}
{{- $kafka := .root.Values.kafka -}}
- name: EVOTE_KAFKA_BOOTSTRAP
  value: {{ ternary (printf "%s-kafka-kafka-bootstrap:9093" .root.Release.Name) $kafka.external.bootstrap (eq $kafka.mode "strimzi") | quote }}
- name: EVOTE_TOPIC_PREFIX
  value: {{ $kafka.topicPrefix | quote }}
{{- if ne (include "evote.kafkaAuthentication" .) "plaintext" }}
- name: EVOTE_KAFKA_CA_FILE
  value: /etc/evote/kafka/ca.crt
{{- end }}
{{- if eq (include "evote.kafkaAuthentication" .) "mtls" }}
- name: EVOTE_KAFKA_CERTIFICATE_FILE
  value: /etc/evote/kafka/tls.crt
- name: EVOTE_KAFKA_KEY_FILE
  value: /etc/evote/kafka/tls.key
{{- else if eq (include "evote.kafkaAuthentication" .) "scram-sha-512" }}
- name: EVOTE_KAFKA_USERNAME
  valueFrom: {secretKeyRef: {name: {{ include "evote.name" . }}-kafka, key: username}}
- name: EVOTE_KAFKA_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ include "evote.name" . }}-kafka, key: password}}
{{- end }}
{{- if $kafka.clientRack }}
# Put there by the control plane from the node's labels (Kubernetes 1.35 and later).
- name: EVOTE_KAFKA_CLIENT_RACK
  valueFrom: {fieldRef: {fieldPath: "metadata.labels['topology.kubernetes.io/zone']"}}
{{- end }}
{{- end }}

{{- define "evote.kafkaAuthentication" -}}
{{ ternary "mtls" .root.Values.kafka.external.authentication (eq .root.Values.kafka.mode "strimzi") }}
{{- end }}

{{- define "evote.kafkaVolume" -}}
{{- if ne (include "evote.kafkaAuthentication" .) "plaintext" }}
{{- $strimzi := eq .root.Values.kafka.mode "strimzi" }}
- name: kafka
  projected:
    defaultMode: 0440
    sources:
      - secret:
          name: {{ .root.Release.Name }}-kafka-{{ ternary "cluster-ca-cert" "ca" $strimzi }}
          items: [{key: ca.crt, path: ca.crt}]
      {{- if eq (include "evote.kafkaAuthentication" .) "mtls" }}
      - secret:
          name: {{ include "evote.name" . }}{{ if not $strimzi }}-kafka{{ end }}
          items:
            - {key: {{ ternary "user.crt" "tls.crt" $strimzi }}, path: tls.crt}
            - {key: {{ ternary "user.key" "tls.key" $strimzi }}, path: tls.key}
      {{- end }}
{{- end }}
{{- end }}

{{- define "evote.kafkaMount" -}}
{{- if ne (include "evote.kafkaAuthentication" .) "plaintext" }}
- {name: kafka, mountPath: /etc/evote/kafka, readOnly: true}
{{- end }}
{{- end }}

{{/* The Secret with the authority of the service's Collector; nothing where it has none, or one that everybody knows. */}}
{{- define "evote.tracesCa" -}}
{{- $own := index .root.Values (include "evote.key" .service) -}}
{{- if $own.settings.tracesEndpoint }}{{ .root.Values.monitoring.tracesCa }}{{ end -}}
{{- end }}

{{/* The settings of a service that have no meaning for the chart: witnessIntervalS is read as WITNESS_INTERVAL_S behind our prefix. */}}
{{- define "evote.ownSettings" -}}
{{- range $name, $value := . }}
{{- if not (kindIs "invalid" $value) }}
- name: {{ printf "EVOTE_%s" (snakecase $name | upper) }}
  {{- /* YAML's numbers come as floats: 1000000 would be written 1e+06. */}}
  value: {{ if kindIs "float64" $value }}{{ if eq $value (floor $value) }}{{ int64 $value | quote }}{{ else }}{{ toString $value | quote }}{{ end }}{{ else }}{{ toString $value | quote }}{{ end }}
{{- end }}
{{- end }}
{{- end }}

{{/* The pod of one of the five services. Arguments: root, service. Its own part is <service>.env, .mounts and .volumes. */}}
{{- define "evote.servicePod" -}}
{{- $own := index .root.Values (include "evote.key" .service) -}}
metadata:
  labels:
    {{- include "evote.labels" . | nindent 4 }}
  annotations:
    # What is read once at the start comes to the replicas by replacing them, one by one.
    checksum/public: {{ .root.Values.witnessPolicy | sha256sum }}
spec:
  {{- include "evote.podSecurity" . | nindent 2 }}
  {{- include "evote.spread" . | nindent 2 }}
  # What it takes the replica to leave: serving on, finishing, closing its own connections.
  terminationGracePeriodSeconds: {{ add (int .root.Values.drainDelayS) (int .root.Values.shutdownTimeoutS) 15 }}
  containers:
    - name: {{ .service }}
      image: {{ include "evote.image" $own.image }}
      imagePullPolicy: IfNotPresent
      args: [serve]
      {{- include "evote.containerSecurity" . | nindent 6 }}
      ports:
        - {name: http, containerPort: 8000}
        - {name: management, containerPort: 8001}
      env:
        - name: EVOTE_ENVIRONMENT
          value: {{ .root.Values.environment | quote }}
        - name: EVOTE_EVENTS_RELEASE
          value: {{ .root.Values.eventsRelease | quote }}
        - name: EVOTE_LOG_LEVEL
          value: {{ .root.Values.logLevel | quote }}
        - name: EVOTE_HOST
          value: {{ .root.Values.listenAddress | quote }}
        - name: EVOTE_PORT
          value: "8000"
        - name: EVOTE_MANAGEMENT_PORT
          value: "8001"
        - name: EVOTE_TRUSTED_PROXIES
          value: {{ .root.Values.trustedProxies | quote }}
        - name: EVOTE_FRONT_ORIGINS
          value: {{ printf "%s,%s" (include "evote.origin" .root.Values.hosts.vote) (include "evote.origin" .root.Values.hosts.board) | quote }}
        - name: EVOTE_ROSTER_FILE
          value: /etc/evote/roster/roster.json
        - name: EVOTE_DRAIN_DELAY_S
          value: {{ .root.Values.drainDelayS | quote }}
        - name: EVOTE_SHUTDOWN_TIMEOUT_S
          value: {{ .root.Values.shutdownTimeoutS | quote }}
        - name: EVOTE_DATABASE_POOL_SIZE
          value: {{ $own.databasePoolSize | quote }}
        {{- include "evote.databaseEnv" (merge (dict "owner" false "name" "EVOTE_DATABASE_URL") .) | nindent 8 }}
        {{- include "evote.kafkaEnv" . | nindent 8 }}
        {{- if include "evote.tracesCa" . }}
        - name: OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE
          value: /etc/evote/traces/ca.crt
        {{- end }}
        {{- include (printf "%s.env" .service) .root | nindent 8 }}
        {{- include "evote.ownSettings" $own.settings | nindent 8 }}
      {{- include "evote.resources" $own.resources | nindent 6 }}
      # It answers as soon as it has started, or waits for its database: nobody should start it again for that.
      startupProbe:
        httpGet: {path: /livez, port: management}
        periodSeconds: 2
        timeoutSeconds: 2
        failureThreshold: {{ div (int .root.Values.startWithinS) 2 }}
      livenessProbe:
        httpGet: {path: /livez, port: management}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: {path: /readyz, port: management}
        periodSeconds: 2
        timeoutSeconds: 2
        failureThreshold: 2
      volumeMounts:
        - {name: tmp, mountPath: /tmp}
        # As folders, never by subPath: a roster that changes is there without a restart.
        - {name: roster, mountPath: /etc/evote/roster, readOnly: true}
        {{- include "evote.databaseMount" . | nindent 8 }}
        {{- include "evote.kafkaMount" . | nindent 8 }}
        {{- if include "evote.tracesCa" . }}
        - {name: traces, mountPath: /etc/evote/traces, readOnly: true}
        {{- end }}
        {{- include (printf "%s.mounts" .service) .root | nindent 8 }}
  volumes:
    - name: tmp
      emptyDir: {sizeLimit: 1Gi}
    - name: roster
      configMap: {name: {{ .root.Release.Name }}-roster}
    {{- include "evote.databaseVolume" . | nindent 4 }}
    {{- include "evote.kafkaVolume" . | nindent 4 }}
    {{- with include "evote.tracesCa" . }}
    - name: traces
      secret:
        secretName: {{ . | quote }}
        defaultMode: 0440
        items: [{key: ca.crt, path: ca.crt}]
    {{- end }}
    {{- include (printf "%s.volumes" .service) .root | nindent 4 }}
{{- end }}

{{/* Of the service's private keys, the files that are named. Arguments: root, service, and files, a list. */}}
{{- define "evote.keysVolume" -}}
- name: keys
  secret:
    secretName: {{ include "evote.name" . }}-keys
    defaultMode: 0440
    items:
      {{- range .files }}
      - {key: {{ . }}, path: {{ . }}}
      {{- end }}
{{- end }}

{{- define "evote.keysMount" -}}
- {name: keys, mountPath: /etc/evote/keys, readOnly: true}
{{- end }}
