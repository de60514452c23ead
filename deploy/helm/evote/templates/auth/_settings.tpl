{{- define "auth.env" -}}
{{- $own := .Values.auth -}}
- name: EVOTE_AUDITOR_PUBLIC_KEY
  value: {{ $own.auditorPublicKey | quote }}
{{- if $own.authoritiesVolume }}
- name: EVOTE_CA_BUNDLE_FILE
  value: /etc/evote/authorities/ca-bundle.pem
- name: EVOTE_CRL_FILE
  value: /etc/evote/authorities/crl.pem
{{- end }}
{{- if $own.settings.credentialTokenModule }}
- name: EVOTE_CREDENTIAL_TOKEN_PIN_FILE
  value: /etc/evote/keys/token-pin
{{- range $name, $value := ($own.tokenClient | default dict).env }}
- name: {{ $name }}
  value: {{ $value | replace "$" "$$" | quote }} {{- /* kubelet puts what is in our environment for $(…) */}}
{{- end }}
{{- else }}
- name: EVOTE_MASTER_KEY_FILE
  value: /etc/evote/keys/master-key
{{- end }}
{{- if .Values.biometric.enabled }}
- name: EVOTE_FACE_ORDER_KEY_FILE
  value: /etc/evote/keys/face-order-key.pem
- name: EVOTE_BIOMETRIC_PUBLIC_KEY_FILE
  value: /etc/evote/keys/biometric-public-key.pem
- name: EVOTE_VOTING_CODE_KEY_FILE
  value: /etc/evote/keys/voting-code-key.pem
{{- end }}
{{- if $own.settings.phoneBaseUrl }}
- name: EVOTE_PHONE_CLIENT_KEY_FILE
  value: /etc/evote/keys/phone-client-key.pem
- name: EVOTE_PHONE_DECRYPTION_KEY_FILE
  value: /etc/evote/keys/phone-decryption-key.pem
- name: EVOTE_PHONE_REDIRECT_URI
  value: {{ printf "%s/" (include "evote.origin" .Values.hosts.vote) | quote }}
{{- end }}
{{- end }}

{{- define "auth.mounts" -}}
{{ include "evote.keysMount" . }}
{{- if .Values.auth.authoritiesVolume }}
- {name: authorities, mountPath: /etc/evote/authorities, readOnly: true}
{{- end }}
{{- if .Values.auth.tokenVolume }}
- {name: token, mountPath: /opt/token, readOnly: true}
{{- end }}
{{- with (.Values.auth.tokenClient | default dict).files }}
- {name: token-client, mountPath: {{ .path }}, readOnly: true}
{{- end }}
{{- end }}

{{- define "auth.volumes" -}}
{{- $files := list (ternary "token-pin" "master-key" (not (empty .Values.auth.settings.credentialTokenModule))) -}}
{{- if .Values.biometric.enabled }}{{ $files = concat $files (list "face-order-key.pem" "biometric-public-key.pem" "voting-code-key.pem") }}{{ end -}}
{{- if .Values.auth.settings.phoneBaseUrl }}{{ $files = concat $files (list "phone-client-key.pem" "phone-decryption-key.pem") }}{{ end -}}
{{ include "evote.keysVolume" (dict "root" . "service" "auth" "files" $files) }}
{{- with .Values.auth.authoritiesVolume }}
# Revocation lists change while people vote, and may be larger than a ConfigMap: whoever renews them writes this volume.
- name: authorities
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.auth.tokenVolume }}
- name: token
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with (.Values.auth.tokenClient | default dict).files }}
- name: token-client
  {{- toYaml .volume | nindent 2 }}
{{- end }}
{{- end }}
