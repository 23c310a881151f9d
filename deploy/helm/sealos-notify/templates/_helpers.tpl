{{- /* The name of all objects: the release's, as it is if it says what it is. */ -}}
{{- define "sealos-notify.name" -}}
{{- $name := contains .Chart.Name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) -}}
{{- $name | trunc 54 | trimSuffix "-" -}}
{{- end -}}

{{- /* Labels that select the pods of this release, and no others. */ -}}
{{- define "sealos-notify.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "sealos-notify.labels" -}}
{{ include "sealos-notify.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 }}
{{- end -}}

{{- define "sealos-notify.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{- define "sealos-notify.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "sealos-notify.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "sealos-notify.env" -}}
{{- range $name, $value := .Values.env }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end -}}

{{- /* Folders, no subPath: Kubernetes does not update a subPath in a running pod. */ -}}
{{- define "sealos-notify.volumeMounts" -}}
- name: config
  mountPath: /etc/sealos-notify/config
  readOnly: true
{{- range .Values.secrets }}
- name: {{ .folder }}
  mountPath: /etc/sealos-notify/{{ .folder }}
  readOnly: true
{{- end }}
{{- end -}}

{{- /* The Secrets' volumes. */ -}}
{{- define "sealos-notify.secretVolumes" -}}
{{- range .Values.secrets }}
- name: {{ .folder }}
  secret:
    secretName: {{ .secretName }}
    defaultMode: 0440
    {{- with .keys }}
    items:
      {{- range . }}
      - key: {{ . }}
        path: {{ . }}
      {{- end }}
    {{- end }}
{{- end }}
{{- end -}}
