{{- define "tally.env" -}}
- name: EVOTE_SERVICE_URLS
  {{- $urls := list }}
  {{- range $service := without (splitList " " (include "evote.services" .)) "tally" }}
  {{- $urls = append $urls (printf "%s=http://%s-%s-management:8001" $service $.Release.Name $service) }}
  {{- end }}
  value: {{ join "," $urls }}
{{- end }}

{{- define "tally.mounts" }}{{ end }}
{{- define "tally.volumes" }}{{ end }}
