{{/* A front: static files, and the files of the city beside them. Arguments: root, service, config; of the wall, which asks others by its
own server, also connect (what nginx takes of config), peers (its own edge), egress and announcements (the ConfigMap that staff write). */}}
{{- define "evote.front" -}}
{{- $own := index .root.Values .service -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "evote.metadata" . | nindent 2 }}
automountServiceAccountToken: false
---
apiVersion: v1
kind: ConfigMap
metadata:
  {{- include "evote.metadata" . | nindent 2 }}
data:
  config.json: |
    {{- .config | toPrettyJson | nindent 4 }}
  {{- with $own.manifest }}
  # What two officers signed of all that is served; auditors compare it.
  manifest.json: {{ . | quote }}
  {{- end }}
  # Whom the page (of the wall: its server) may talk to, as web/edge/connect-src.mjs makes it of config.json; the card agent is on the voter's
  # own PC.
  connect-src.conf: |
    {{- .connect | default (include "evote.connectSources" .config.services) | nindent 4 }}
  {{- range $port, $number := include "evote.frontListens" .root | fromYaml }}
  listen-{{ $port }}.conf: "listen [::]:{{ $number }};\n"
  {{- end }}
---
apiVersion: v1
kind: Service
metadata:
  {{- include "evote.metadata" . | nindent 2 }}
spec:
  selector:
    {{- include "evote.selector" . | nindent 4 }}
  ports:
    - {name: http, port: 80, targetPort: http, appProtocol: http}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "evote.metadata" . | nindent 2 }}
spec:
  replicas: {{ $own.replicas }}
  revisionHistoryLimit: 5
  selector:
    matchLabels:
      {{- include "evote.selector" . | nindent 6 }}
  strategy:
    type: RollingUpdate
    rollingUpdate: {maxUnavailable: 0, maxSurge: 1}
  template:
    metadata:
      labels:
        {{- include "evote.labels" . | nindent 8 }}
      annotations:
        # nginx reads the policy at its start: page and policy change together.
        checksum/config: {{ list .config $own.manifest | toJson | sha256sum }}
    spec:
      {{- include "evote.podSecurity" . | nindent 6 }}
      {{- include "evote.spread" . | nindent 6 }}
      terminationGracePeriodSeconds: {{ add (int .root.Values.drainDelayS) 20 }}
      containers:
        - name: front
          image: {{ include "evote.image" $own.image }}
          imagePullPolicy: IfNotPresent
          {{- include "evote.containerSecurity" . | nindent 10 }}
          ports:
            - {name: http, containerPort: 8080}
            - {name: metrics, containerPort: 8081}
          {{- include "evote.resources" $own.resources | nindent 10 }}
          lifecycle:
            preStop:
              # nginx stops at once when it is told to: it serves on until the edge has noticed.
              sleep: {seconds: {{ .root.Values.drainDelayS }}}
          startupProbe:
            httpGet: {path: /, port: http}
            periodSeconds: 1
            failureThreshold: 60
          livenessProbe:
            httpGet: {path: /, port: http}
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 6
          readinessProbe:
            httpGet: {path: /config.json, port: http}
            periodSeconds: 2
            timeoutSeconds: 2
          volumeMounts:
            - {name: config, mountPath: /etc/evote-front/config.json, subPath: config.json, readOnly: true}
            - {name: config, mountPath: /etc/evote-front/connect-src.conf, subPath: connect-src.conf, readOnly: true}
            {{- range $port, $number := include "evote.frontListens" .root | fromYaml }}
            - {name: config, mountPath: /etc/evote-front/listen-{{ $port }}.conf, subPath: listen-{{ $port }}.conf, readOnly: true}
            {{- end }}
            {{- if $own.manifest }}
            - {name: config, mountPath: /etc/evote-front/manifest.json, subPath: manifest.json, readOnly: true}
            {{- end }}
            {{- if .announcements }}
            # A folder: so it is renewed when staff say something else.
            - {name: announcements, mountPath: /etc/evote-front/announcements, readOnly: true}
            {{- end }}
            # All that nginx writes: its number, and bodies that are larger than its memory for them.
            - {name: scratch, mountPath: /run, subPath: run}
            - {name: scratch, mountPath: /var/cache/nginx, subPath: cache}
            - {name: scratch, mountPath: /tmp, subPath: tmp}
      volumes:
        - name: config
          configMap: {name: {{ include "evote.name" . }}}
        {{- with .announcements }}
        - name: announcements
          configMap: {name: {{ . }}, optional: true}
        {{- end }}
        - name: scratch
          emptyDir: {sizeLimit: 64Mi}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "evote.metadata" . | nindent 2 }}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "evote.selector" . | nindent 6 }}
---
# Files, and nothing else: a front speaks to nobody, but for the wall.
{{ include "evote.policyHead" . }}
  policyTypes: [Ingress, Egress]
  ingress:
    - from:
        {{- include "evote.peers" (.peers | default .root.Values.network.edge) | nindent 8 }}
      {{- include "evote.ports" (list 8080) | nindent 6 }}
    - from:
        {{- include "evote.peers" .root.Values.network.monitoring | nindent 8 }}
      {{- include "evote.ports" (list 8081) | nindent 6 }}
  {{- with .egress }}
  egress:
    {{- . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* The ports at which nginx listens for IPv6 too, beside its own for IPv4. */}}
{{- define "evote.frontListens" -}}
{{ if eq .Values.listenAddress "::" }}{http: 8080, metrics: 8081}{{ else }}{}{{ end }}
{{- end }}

{{/* In the order of config.json, which is that of the names. */}}
{{- define "evote.connectSources" -}}
{{- $origins := list -}}
{{- range $name, $origin := . }}{{ $origins = append $origins $origin }}{{ end -}}
{{- if .auth }}{{ $origins = append $origins "http://127.0.0.1:*" }}{{ end -}}
set $connect_src "{{ join " " $origins }}";
{{- end }}
