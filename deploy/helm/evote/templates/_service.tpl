{{/* Everything that each of the five services has in the same form; its arrows are drawn in its own folder's policy. */}}
{{- define "evote.service" -}}
{{- $own := index .root.Values (include "evote.key" .service) -}}
{{- $stateful := eq .service "ledger-anchor" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "evote.metadata" . | nindent 2 }}
automountServiceAccountToken: false
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
# Apart, so that no route can lead the public to it.
apiVersion: v1
kind: Service
metadata:
  {{- include "evote.metadata" (merge (dict "service" (printf "%s-management" .service)) .) | nindent 2 }}
spec:
  clusterIP: None
  selector:
    {{- include "evote.selector" . | nindent 4 }}
  ports:
    - {name: management, port: 8001, targetPort: management}
---
apiVersion: apps/v1
kind: {{ ternary "StatefulSet" "Deployment" $stateful }}
metadata:
  {{- include "evote.metadata" . | nindent 2 }}
spec:
  {{- with include "evote.replicas" . }}
  {{ . }}
  {{- end }}
  revisionHistoryLimit: 5
  minReadySeconds: 5
  selector:
    matchLabels:
      {{- include "evote.selector" . | nindent 6 }}
  {{- if $stateful }}
  serviceName: {{ include "evote.name" . }}-management
  # They need nothing of each other: one that can't start keeps no other from starting.
  podManagementPolicy: Parallel
  updateStrategy:
    type: RollingUpdate
  persistentVolumeClaimRetentionPolicy:
    whenDeleted: Retain
    whenScaled: Retain
  volumeClaimTemplates:
    - apiVersion: v1
      kind: PersistentVolumeClaim
      metadata:
        name: monitor
      spec:
        accessModes: [ReadWriteOnce]
        {{- with $own.monitorStorageClass }}
        storageClassName: {{ . | quote }}
        {{- end }}
        resources:
          requests:
            storage: 1Gi
  {{- else }}
  strategy:
    type: RollingUpdate
    # A replica leaves when the one in its place is ready.
    rollingUpdate: {maxUnavailable: 0, maxSurge: 1}
  {{- end }}
  template:
    {{- include "evote.servicePod" . | nindent 4 }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "evote.metadata" . | nindent 2 }}
spec:
  maxUnavailable: 1
  # A replica that isn't ready serves nobody: it never keeps a machine from being emptied.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "evote.selector" . | nindent 6 }}
{{- with $own.autoscaling }}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  {{- include "evote.metadata" $ | nindent 2 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ include "evote.name" $ }}
  minReplicas: {{ $own.replicas }}
  maxReplicas: {{ .max }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target: {type: Utilization, averageUtilization: {{ .cpuPercent }}}
    {{- if .castsWaiting }}
    - type: Pods
      pods:
        metric: {name: evote_ballot_casts_waiting}
        target: {type: AverageValue, averageValue: {{ .castsWaiting | quote }}}
    {{- end }}
  behavior:
    scaleUp:
      stabilizationWindowSeconds: 0
    # The evening's crowd comes in waves: what was started stays for the next one.
    scaleDown:
      stabilizationWindowSeconds: 1800
      policies:
        - {type: Pods, value: 1, periodSeconds: 300}
{{- end }}
---
{{ include "evote.migration" . }}
{{- end }}

{{/* The line that says how many. Where an autoscaler scales none does: the number is its own, a stored release that has another one
would stop at a conflict when it is gone back to, and it raises an installation to the floor within seconds. But a number that nobody
but Helm ever set would fall to 1 with the line (of an earlier release, or where autoscaling is switched on), as would one of a release
that Helm applies on its own side: those state as many as run. */}}
{{- define "evote.replicas" -}}
{{- $own := index .root.Values (include "evote.key" .service) -}}
{{- $there := lookup "apps/v1" "Deployment" .root.Release.Namespace (include "evote.name" .) -}}
{{- if not $own.autoscaling -}}
replicas: {{ int $own.replicas }}
{{- else if $there -}}
{{- $scales := not (empty (lookup "autoscaling/v2" "HorizontalPodAutoscaler" .root.Release.Namespace (include "evote.name" .))) -}}
{{- $byServer := false -}}
{{- $stated := false -}}
{{- $scaled := false -}}
{{- range dig "metadata" "managedFields" list $there -}}
{{- $fields := dig "f:spec" dict (default dict .fieldsV1) -}}
{{- $byServer = or $byServer (and (eq .operation "Apply") (hasKey $fields "f:selector")) -}}
{{- $stated = or $stated (hasKey $fields "f:replicas") -}}
{{- $scaled = or $scaled (and (eq (default "" .subresource) "scale") (hasKey $fields "f:replicas")) -}}
{{- end -}}
{{- if not (and $scales $byServer (or $scaled (not $stated))) -}}
{{- $live := int (dig "spec" "replicas" 0 $there) -}}
replicas: {{ ternary $live (min (int $own.autoscaling.max) (max (int $own.replicas) $live)) (and (gt $live 0) $scales) }}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Whether this service is there for the first time: in an installation, or where a city enables one later. */}}
{{- define "evote.new" -}}
{{- $there := lookup "apps/v1" "Deployment" .root.Release.Namespace (include "evote.name" (merge (dict "service" "auth") .)) -}}
{{- $own := lookup "apps/v1" (ternary "StatefulSet" "Deployment" (eq .service "ledger-anchor")) .root.Release.Namespace (include "evote.name" .) -}}
{{- if or .root.Release.IsInstall (and $there (not $own)) }}true{{ end }}
{{- end }}

{{/* The schema of this release, as its owner: before an upgrade's first replica, and beside the first installation's, which
wait until it is done (Helm runs hooks of an installation before the database is there, or never, with --wait). A service that an
upgrade brings is installed: its account and its database are no hooks either. */}}
{{- define "evote.migration" -}}
{{- $own := index .root.Values (include "evote.key" .service) -}}
{{- $names := dict "root" .root "service" (printf "%s-migration" .service) -}}
{{- $new := include "evote.new" . -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "evote.metadata" $names | nindent 2 }}
automountServiceAccountToken: false
---
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "evote.name" $names }}{{ if $new }}-first{{ end }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "evote.labels" $names | nindent 4 }}
  {{- if not $new }}
  annotations:
    helm.sh/hook: pre-upgrade
    helm.sh/hook-delete-policy: before-hook-creation
  {{- end }}
spec:
  # A migration that waits too long for a table gives up and leaves nothing: it may be tried again.
  backoffLimit: {{ ternary 20 4 (eq $new "true") }}
  activeDeadlineSeconds: 1800
  template:
    metadata:
      labels:
        {{- include "evote.labels" $names | nindent 8 }}
    spec:
      restartPolicy: OnFailure
      {{- include "evote.podSecurity" $names | nindent 6 }}
      containers:
        - name: migrate
          image: {{ include "evote.image" $own.image }}
          imagePullPolicy: IfNotPresent
          args: [migrate]
          {{- include "evote.containerSecurity" . | nindent 10 }}
          env:
            - name: EVOTE_ENVIRONMENT
              value: {{ .root.Values.environment | quote }}
            {{- include "evote.databaseEnv" (merge (dict "owner" true "name" "EVOTE_OWNER_DATABASE_URL") .) | nindent 12 }}
          resources:
            requests: {cpu: 50m, memory: 128Mi}
            limits: {memory: 512Mi}
          volumeMounts:
            - {name: tmp, mountPath: /tmp}
            {{- include "evote.databaseMount" . | nindent 12 }}
      volumes:
        - name: tmp
          emptyDir: {sizeLimit: 64Mi}
        {{- include "evote.databaseVolume" . | nindent 8 }}
{{- end }}
