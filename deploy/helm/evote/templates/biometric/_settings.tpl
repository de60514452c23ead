{{- define "biometric.env" -}}
- name: EVOTE_MASTER_KEY_FILE
  value: /etc/evote/keys/master-key
- name: EVOTE_AUTH_PUBLIC_KEY_FILE
  value: /etc/evote/keys/auth-public-key.pem
- name: EVOTE_VERDICT_KEY_FILE
  value: /etc/evote/keys/verdict-key.pem
- name: EVOTE_WEIGHTS_DIR
  value: /weights
{{- end }}

{{- define "biometric.mounts" -}}
{{ include "evote.keysMount" . }}
{{- end }}

{{- define "biometric.volumes" -}}
{{ include "evote.keysVolume" (dict "root" . "service" "biometric" "files" (list "master-key" "auth-public-key.pem" "verdict-key.pem")) }}
{{- end }}
