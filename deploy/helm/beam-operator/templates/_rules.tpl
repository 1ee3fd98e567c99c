{{/*
What the operator may do where it looks for releases: in a ClusterRole for all namespaces, in a Role of each otherwise.
It applies on the server side, which is the verb patch, and create for what does not exist yet.
*/}}
{{- define "beam-operator.rules" -}}
# The resource. It is only ever read; what the operator has to say about it is its status.
- apiGroups: [beam-operator.io]
  resources: [elixirreleases]
  verbs: [list, watch]
- apiGroups: [beam-operator.io]
  resources: [elixirreleases/status]
  verbs: [patch]
# The children name their release in an owner reference that blocks its deletion. Where the admission plugin
# OwnerReferencesPermissionEnforcement is on, that takes this permission.
- apiGroups: [beam-operator.io]
  resources: [elixirreleases/finalizers]
  verbs: [update]
# Children that the operator deletes itself when the release stops asking for them, and old revisions. What runs pods goes
# when the release asks for the other kind; with the release, the garbage collector takes it.
- apiGroups: [apps]
  resources: [deployments, statefulsets, controllerrevisions]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [services, serviceaccounts]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [rbac.authorization.k8s.io]
  resources: [roles, rolebindings]
  verbs: [get, list, watch, create, patch, delete]
# ConfigMaps and Secrets that pods read: the operator watches their metadata and reads the content of those that a
# release names, to check them and to notice changes. The cookie of a cluster is created once and never overwritten;
# patch is for owner references, and to renew the certificates that the operator makes; delete is for the cookie of a
# revision that has ended (cluster.scope: Revision).
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch, create, patch, delete]
# Why a pod does not start is told from its own state.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch]
# With healing: Restart, a pod of the smaller side of a partition is evicted.
- apiGroups: [""]
  resources: [pods/eviction]
  verbs: [create]
# The readiness gate of a pod whose node has met its cluster.
- apiGroups: [""]
  resources: [pods/status]
  verbs: [patch]
{{- if .Values.rbac.execIntoPods }}
# With shutdown.leave, a command is run in the pod of a node that a scale-down takes away. From Kubernetes 1.35 on that takes
# create as well as get.
- apiGroups: [""]
  resources: [pods/exec]
  verbs: [get, create]
{{- end }}
# Not used by the operator: with the pods above it is what `discovery: Kubernetes` lets the nodes of a release read, and
# the API server lets nobody grant what he does not hold.
- apiGroups: [""]
  resources: [endpoints]
  verbs: [get, list]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [get, list]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- if .Values.rbac.httpRoutes }}
# The weights of HTTPRoutes that a release names (rollout.canary.httpRoute); nothing else of them is written.
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [list, watch, patch]
{{- end }}
{{- end }}
