{{/* Names, labels and the image, as every template uses them. */}}

{{/* Name of the operator's objects: at most 53 characters, because "-election" is added to it. */}}
{{- define "beam-operator.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 53 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 53 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{/* The labels that select the operator's pods. The NetworkPolicies it makes let pods in by the first of them. */}}
{{- define "beam-operator.selectorLabels" -}}
app.kubernetes.io/name: beam-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The labels that select the pod of `helm test`: not those of the Deployment, which would take it for one of its own. */}}
{{- define "beam-operator.testLabels" -}}
app.kubernetes.io/name: beam-operator-test
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Labels of every object. Those of the chart win over commonLabels, because they select. */}}
{{- define "beam-operator.labels" -}}
{{- $own := dict "app.kubernetes.io/version" .Chart.AppVersion "app.kubernetes.io/managed-by" .Release.Service -}}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version) -}}
{{- merge (include "beam-operator.selectorLabels" . | fromYaml) $own .Values.commonLabels | toYaml -}}
{{- end }}

{{/* Labels of the operator's pods. */}}
{{- define "beam-operator.podLabels" -}}
{{- merge (include "beam-operator.selectorLabels" . | fromYaml) .Values.podLabels .Values.commonLabels | toYaml -}}
{{- end }}

{{/* Labels by which Prometheus Operator and Grafana find an object of theirs; the chart's win. */}}
{{- define "beam-operator.labelsWith" -}}
{{- merge (include "beam-operator.labels" .root | fromYaml) .labels | toYaml -}}
{{- end }}

{{/* The namespaces in which the operator looks for releases, separated by commas; nothing for all of them. */}}
{{- define "beam-operator.watchNamespaces" -}}
{{- $namespaces := .Values.watchNamespaces -}}
{{- if .Values.watchOwnNamespace -}}
{{- $namespaces = append $namespaces .Release.Namespace | uniq -}}
{{- end -}}
{{- join "," $namespaces -}}
{{- end }}

{{- define "beam-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "beam-operator.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end }}

{{- define "beam-operator.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{- printf "%s@%s" .repository .digest -}}
{{- else -}}
{{- printf "%s:%s" .repository (.tag | default $.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}
{{- end }}
