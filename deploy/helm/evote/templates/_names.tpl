{{/* Names, labels and images. Everything is called after the release: two releases in one cluster share nothing. */}}

{{- define "evote.name" -}}
{{ .root.Release.Name }}-{{ .service }}
{{- end }}

{{/* Values are in camel case: ledger-anchor's stand under ledgerAnchor. */}}
{{- define "evote.key" -}}
{{ if eq . "ledger-anchor" }}ledgerAnchor{{ else }}{{ . }}{{ end }}
{{- end }}

{{- define "evote.selector" -}}
app.kubernetes.io/name: {{ .service }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{- define "evote.labels" -}}
{{ include "evote.selector" . }}
app.kubernetes.io/part-of: evote
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- define "evote.metadata" -}}
name: {{ include "evote.name" . }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "evote.labels" . | nindent 2 }}
{{- end }}

{{/* By digest alone: a tag can be moved to another program. */}}
{{- define "evote.image" -}}
{{ .repository }}@{{ .digest }}
{{- end }}

{{/* The schema of each service in PostgreSQL, after which its roles are called. */}}
{{- define "evote.schema" -}}
{{ if eq . "ledger-anchor" }}ledger{{ else }}{{ . }}{{ end }}
{{- end }}

{{- define "evote.services" -}}
auth{{ if .Values.biometric.enabled }} biometric{{ end }} ballot ledger-anchor tally
{{- end }}

{{- define "evote.fronts" -}}
resident board{{ if .Values.wall.enabled }} wall{{ end }}
{{- end }}

{{/* The keys under which hosts stand in the values, and the service behind each. */}}
{{- define "evote.hosts" -}}
vote: resident
board: board
auth: auth
{{- if .Values.biometric.enabled }}
biometric: biometric
{{- end }}
ballot: ballot
log: ledger-anchor
tally: tally
{{- end }}

{{/* The edges: that of everybody, and the wall's, which is the city's own network's. Each with its hosts. */}}
{{- define "evote.edges" -}}
edge:
  className: {{ .Values.edge.className | quote }}
  annotations: {{ .Values.edge.annotations | toJson }}
  hosts:
    {{- include "evote.hosts" . | nindent 4 }}
{{- if .Values.wall.enabled }}
wall-edge:
  className: {{ .Values.wall.edge.className | quote }}
  annotations: {{ .Values.wall.edge.annotations | toJson }}
  hosts: {wall: wall}
{{- end }}
{{- end }}

{{- define "evote.origin" -}}
https://{{ .name }}
{{- end }}
