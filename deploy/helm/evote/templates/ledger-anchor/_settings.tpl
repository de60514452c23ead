{{- define "ledger-anchor.env" -}}
{{- $own := .Values.ledgerAnchor -}}
- name: EVOTE_LOG_KEY_FILE
  value: /etc/evote/keys/log-key.pem
- name: EVOTE_LOG_ORIGIN
  value: {{ $own.logOrigin | quote }}
- name: EVOTE_MONITOR_STATE_FILE
  value: /var/lib/evote/monitor.json
{{- if .Values.witnessPolicy }}
- name: EVOTE_WITNESS_POLICY_FILE
  value: /etc/evote/log/witness-policy
{{- end }}
{{- if $own.settings.ethereumChainId }}
- name: EVOTE_ETHEREUM_RPC_URLS
  valueFrom: {secretKeyRef: {name: {{ .Release.Name }}-ledger-anchor-keys, key: ethereum-rpc-urls}}
- name: EVOTE_ETHEREUM_KEY_FILE
  value: /etc/evote/keys/ethereum-key
{{- if $own.ethereumKeyHasPassword }}
- name: EVOTE_ETHEREUM_KEY_PASSWORD_FILE
  value: /etc/evote/keys/ethereum-key-password
{{- end }}
{{- end }}
{{- if $own.fabric }}
- name: EVOTE_FABRIC_PROFILE_FILE
  value: /etc/evote/keys/fabric-profile.json
{{- end }}
{{- end }}

{{- define "ledger-anchor.mounts" -}}
{{ include "evote.keysMount" . }}
- {name: monitor, mountPath: /var/lib/evote}
{{- if .Values.witnessPolicy }}
- {name: log, mountPath: /etc/evote/log, readOnly: true}
{{- end }}
{{- end }}

{{- define "ledger-anchor.volumes" -}}
{{- $own := .Values.ledgerAnchor -}}
{{- $files := list "log-key.pem" -}}
{{- if $own.settings.ethereumChainId }}{{ $files = append $files "ethereum-key" }}{{ end -}}
{{- if and $own.settings.ethereumChainId $own.ethereumKeyHasPassword }}{{ $files = append $files "ethereum-key-password" }}{{ end -}}
{{- if $own.fabric }}{{ $files = append $files "fabric-profile.json" }}{{ end -}}
{{ include "evote.keysVolume" (dict "root" . "service" "ledger-anchor" "files" $files) }}
{{- if .Values.witnessPolicy }}
- name: log
  configMap: {name: {{ .Release.Name }}-log}
{{- end }}
{{- end }}
