{{/* Arrows between pods. A list of peers of the values: addresses, or pods by the labels of namespace and pod. */}}
{{- define "evote.peers" -}}
{{- range . }}
{{- if .cidr }}
- ipBlock: {cidr: {{ .cidr | quote }}}
{{- else }}
- podSelector: {matchLabels: {{ .podLabels | default dict | toJson }}}
  {{- if .namespaceLabels }}
  namespaceSelector: {matchLabels: {{ .namespaceLabels | toJson }}}
  {{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "evote.ports" -}}
ports:
  {{- range . }}
  - {protocol: TCP, port: {{ . }}}
  {{- end }}
{{- end }}

{{/* Of the pods of one service, and the one that `helm test` puts in their place: policies alone choose both, so that it has their arrows and
nobody counts it as a replica. Arguments: root, service. */}}
{{- define "evote.placed" -}}
matchLabels:
  app.kubernetes.io/instance: {{ .root.Release.Name }}
matchExpressions:
  - {key: app.kubernetes.io/name, operator: In, values: [{{ .service }}, {{ .service }}-arrows]}
{{- end }}

{{- define "evote.own" -}}
- podSelector:
    {{- include "evote.placed" . | nindent 4 }}
{{- end }}

{{- define "evote.toDns" -}}
- to:
    {{- include "evote.peers" .Values.network.dns | nindent 4 }}
  ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- end }}

{{- define "evote.toDatabase" -}}
{{- $which := ternary "biometric" "main" (eq .service "biometric") -}}
- to:
    {{- if eq .root.Values.postgresql.mode "cloudnativepg" }}
    - podSelector: {matchLabels: {cnpg.io/cluster: {{ include "evote.cluster" . }}}}
  {{- include "evote.ports" (list 5432) | nindent 2 }}
    {{- else }}
    {{- $place := index .root.Values.postgresql.external $which }}
    {{- include "evote.peers" $place.peers | nindent 4 }}
  {{- include "evote.ports" (list $place.port) | nindent 2 }}
    {{- end }}
{{- end }}

{{- define "evote.toKafka" -}}
- to:
    {{- if eq .Values.kafka.mode "strimzi" }}
    - podSelector: {matchLabels: {strimzi.io/cluster: {{ .Release.Name }}-kafka, strimzi.io/name: {{ .Release.Name }}-kafka-kafka}}
  {{- include "evote.ports" (list 9093) | nindent 2 }}
    {{- else }}
    {{- include "evote.peers" .Values.kafka.external.peers | nindent 4 }}
  {{- include "evote.ports" .Values.kafka.external.ports | nindent 2 }}
    {{- end }}
{{- end }}

{{/* To those outside whom a list of the values names, each at its ports. */}}
{{- define "evote.toOutside" -}}
{{- range . }}
- to:
    {{- include "evote.peers" (list .) | nindent 4 }}
  {{- include "evote.ports" .ports | nindent 2 }}
{{- end }}
{{- end }}

{{- define "evote.policyHead" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "evote.metadata" . | nindent 2 }}
spec:
  podSelector:
    {{- include "evote.placed" . | nindent 4 }}
{{- end }}

{{/* The arrows that all five services have: the edge to them, monitoring and tally to the management port; from them to names, their
database and Kafka; and what a city's values name besides. No service has an arrow to another one's public port; the wall has to those of
whom it asks what the public may ask. */}}
{{- define "evote.servicePolicy" -}}
{{- $own := index .root.Values (include "evote.key" .service) -}}
{{ include "evote.policyHead" . }}
  policyTypes: [Ingress, Egress]
  ingress:
    - from:
        {{- include "evote.peers" .root.Values.network.edge | nindent 8 }}
        {{- if and .root.Values.wall.enabled (has .service (list "ballot" "ledger-anchor" "tally")) }}
        {{- include "evote.own" (merge (dict "service" "wall") .) | nindent 8 }}
        {{- end }}
      {{- include "evote.ports" (list 8000) | nindent 6 }}
    - from:
        {{- include "evote.peers" .root.Values.network.monitoring | nindent 8 }}
        {{- if ne .service "tally" }}
        # The preflight asks how each service is.
        {{- include "evote.own" (merge (dict "service" "tally") .) | nindent 8 }}
        {{- end }}
      {{- include "evote.ports" (list 8001) | nindent 6 }}
  egress:
    {{- include "evote.toDns" .root | nindent 4 }}
    {{- include "evote.toDatabase" . | nindent 4 }}
    {{- include "evote.toKafka" .root | nindent 4 }}
    {{- include "evote.toOutside" $own.egress | nindent 4 }}
---
{{ include "evote.policyHead" (merge (dict "service" (printf "%s-migration" .service)) .) }}
  {{- include "evote.migrationArrows" . | nindent 2 }}
{{- if .root.Release.IsUpgrade }}
---
# Beside the one above, which is the release's before until the migration is done: the database may have moved.
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "evote.name" . }}-migration-upgrade
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "evote.labels" (merge (dict "service" (printf "%s-migration" .service)) .) | nindent 4 }}
  annotations:
    helm.sh/hook: pre-upgrade
    helm.sh/hook-weight: "-1"
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
spec:
  podSelector:
    {{- include "evote.placed" (merge (dict "service" (printf "%s-migration" .service)) .) | nindent 4 }}
  {{- include "evote.migrationArrows" . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "evote.migrationArrows" -}}
policyTypes: [Ingress, Egress]
egress:
  {{- include "evote.toDns" .root | nindent 2 }}
  {{- include "evote.toDatabase" . | nindent 2 }}
{{- end }}
