{{- define "tally.env" -}}
- name: EVOTE_SERVICE_URLS
  {{- $urls := list }}
  {{- range $service := without (splitList " " (include "evote.services" .)) "tally" }}
  {{- $urls = append $urls (printf "%s=http://%s-%s-management:8001" $service $.Release.Name $service) }}
  {{- end }}
  value: {{ join "," $urls | quote }}
- name: EVOTE_HOST_CERTIFICATES
  {{- $certificates := list }}
  {{- range $edge, $of := include "evote.edges" . | fromYaml }}
  {{- range $key, $service := $of.hosts }}
  {{- $certificates = append $certificates (printf "%s=/etc/evote/hosts/%s.crt" $key $key) }}
  {{- end }}
  {{- end }}
  value: {{ join "," $certificates | quote }}
{{- end }}

{{- define "tally.mounts" -}}
- {name: hosts, mountPath: /etc/evote/hosts, readOnly: true}
{{- end }}

{{- define "tally.volumes" -}}
# What the edge shows to everybody anyway: the certificates of the names, never their keys. They may come later, or be elsewhere.
- name: hosts
  projected:
    defaultMode: 0440
    sources:
      {{- range $edge, $of := include "evote.edges" . | fromYaml }}
      {{- range $key, $service := $of.hosts }}
      - secret:
          name: {{ (index $.Values.hosts $key).tlsSecret | quote }}
          optional: true
          items: [{key: tls.crt, path: {{ $key }}.crt}]
      {{- end }}
      {{- end }}
{{- end }}
