{{/*
How the metrics are scraped. The figures of nodes carry the namespace and pod of the node, which Prometheus would take for
those of the operator's own pod, and rename, if it were not told to honour them.
*/}}
{{- define "beam-operator.scrape" -}}
port: metrics
honorLabels: true
{{- with .interval }}
interval: {{ . }}
{{- end }}
{{- with .scrapeTimeout }}
scrapeTimeout: {{ . }}
{{- end }}
{{- end }}
