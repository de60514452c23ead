{{- define "ballot.env" -}}
- name: EVOTE_RECEIPT_KEY_FILE
  value: /etc/evote/keys/receipt-key.pem
{{- end }}

{{- define "ballot.mounts" -}}
{{ include "evote.keysMount" . }}
{{- end }}

{{- define "ballot.volumes" -}}
{{ include "evote.keysVolume" (dict "root" . "service" "ballot" "files" (list "receipt-key.pem")) }}
{{- end }}
