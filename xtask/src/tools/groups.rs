//! Which tools there are, and what is built together.

use super::{Group, Part, Tool};

pub(crate) const ETCD: Tool = Tool { name: "etcd", package: "go.etcd.io/etcd/server/v3" };
pub(crate) const KUBE_APISERVER: Tool =
    Tool { name: "kube-apiserver", package: "k8s.io/kubernetes/cmd/kube-apiserver" };
pub(crate) const KUBE_CONTROLLER_MANAGER: Tool =
    Tool { name: "kube-controller-manager", package: "k8s.io/kubernetes/cmd/kube-controller-manager" };
pub(crate) const KUBE_PROXY: Tool = Tool { name: "kube-proxy", package: "k8s.io/kubernetes/cmd/kube-proxy" };
pub(crate) const KUBE_SCHEDULER: Tool =
    Tool { name: "kube-scheduler", package: "k8s.io/kubernetes/cmd/kube-scheduler" };
pub(crate) const KUBECTL: Tool = Tool { name: "kubectl", package: "k8s.io/kubernetes/cmd/kubectl" };
pub(crate) const KUBELET: Tool = Tool { name: "kubelet", package: "k8s.io/kubernetes/cmd/kubelet" };
pub(crate) const COREDNS: Tool = Tool { name: "coredns", package: "github.com/coredns/coredns" };
pub(crate) const HELM: Tool = Tool { name: "helm", package: "helm.sh/helm/v3/cmd/helm" };
pub(crate) const KUBECONFORM: Tool =
    Tool { name: "kubeconform", package: "github.com/yannh/kubeconform/cmd/kubeconform" };

pub(crate) const KUBE_SCORE: Tool = Tool { name: "kube-score", package: "github.com/zegl/kube-score/cmd/kube-score" };
pub(crate) const OPERATOR_VERIFY: Tool =
    Tool { name: "operator-verify", package: "github.com/operator-framework/api/cmd/operator-verify" };
pub(crate) const OPM: Tool = Tool { name: "opm", package: "github.com/operator-framework/operator-registry/cmd/opm" };
pub(crate) const KREW: Tool = Tool { name: "krew", package: "sigs.k8s.io/krew/cmd/krew" };
pub(crate) const VALIDATE_KREW_MANIFEST: Tool =
    Tool { name: "validate-krew-manifest", package: "sigs.k8s.io/krew/cmd/validate-krew-manifest" };
pub(crate) const OPERATOR_SDK: Tool =
    Tool { name: "operator-sdk", package: "github.com/operator-framework/operator-sdk/cmd/operator-sdk" };
/// The two operators of OLM, and what they copy into the pods of catalogs and bundles.
pub(crate) const OLM: Tool =
    Tool { name: "olm", package: "github.com/operator-framework/operator-lifecycle-manager/cmd/olm" };
pub(crate) const OLM_CATALOG: Tool =
    Tool { name: "catalog", package: "github.com/operator-framework/operator-lifecycle-manager/cmd/catalog" };
pub(crate) const OLM_COPY_CONTENT: Tool =
    Tool { name: "copy-content", package: "github.com/operator-framework/operator-lifecycle-manager/cmd/copy-content" };
pub(crate) const OLM_CPB: Tool =
    Tool { name: "cpb", package: "github.com/operator-framework/operator-lifecycle-manager/util/cpb" };
/// What probes the pod of a catalog.
pub(crate) const GRPC_HEALTH_PROBE: Tool =
    Tool { name: "grpc_health_probe", package: "github.com/grpc-ecosystem/grpc-health-probe" };

pub(super) const GROUPS: &[Group] = &[
    Group {
        directory: "etcd",
        module: "go.etcd.io/etcd/server/v3",
        variables: &[],
        tags: "",
        duration: "about half a minute",
        tools: &[ETCD],
    },
    Group {
        directory: "kubernetes",
        module: "k8s.io/kubernetes",
        variables: &[
            ("k8s.io/component-base/version.gitVersion", Part::Whole),
            ("k8s.io/component-base/version.gitMajor", Part::Major),
            ("k8s.io/component-base/version.gitMinor", Part::Minor),
        ],
        tags: "",
        duration: "about five minutes",
        tools: &[KUBE_APISERVER, KUBE_CONTROLLER_MANAGER, KUBE_PROXY, KUBE_SCHEDULER, KUBECTL, KUBELET],
    },
    Group {
        directory: "coredns",
        module: "github.com/coredns/coredns",
        variables: &[],
        tags: "",
        duration: "about a minute and a half",
        tools: &[COREDNS],
    },
    Group {
        directory: "helm",
        module: "helm.sh/helm/v3",
        variables: &[("helm.sh/helm/v3/internal/version.version", Part::Whole)],
        tags: "",
        duration: "about a minute",
        tools: &[HELM],
    },
    Group {
        directory: "kubeconform",
        module: "github.com/yannh/kubeconform",
        variables: &[("main.version", Part::Whole)],
        tags: "",
        duration: "a few seconds",
        tools: &[KUBECONFORM],
    },
    Group {
        directory: "kube-score",
        module: "github.com/zegl/kube-score",
        variables: &[("main.version", Part::Whole)],
        tags: "",
        duration: "about twenty seconds",
        tools: &[KUBE_SCORE],
    },
    // One group, because they share most of what takes long to build: the versions of the others are those that OLM is built of.
    Group {
        directory: "operator-framework",
        module: "github.com/operator-framework/operator-lifecycle-manager",
        variables: &[],
        tags: "containers_image_openpgp,exclude_graphdriver_btrfs,exclude_graphdriver_devicemapper",
        duration: "about three minutes",
        tools: &[OPM, OPERATOR_VERIFY, OLM, OLM_CATALOG, OLM_COPY_CONTENT, OLM_CPB, GRPC_HEALTH_PROBE],
    },
    // The newest one whose modules can still be put together is built of older ones than the others.
    Group {
        directory: "operator-sdk",
        module: "github.com/operator-framework/operator-sdk",
        variables: &[],
        tags: "containers_image_openpgp,exclude_graphdriver_btrfs,exclude_graphdriver_devicemapper",
        duration: "about two minutes",
        tools: &[OPERATOR_SDK],
    },
    Group {
        directory: "krew",
        module: "sigs.k8s.io/krew",
        variables: &[("sigs.k8s.io/krew/internal/version.gitTag", Part::Whole)],
        tags: "",
        duration: "about twenty seconds",
        tools: &[KREW, VALIDATE_KREW_MANIFEST],
    },
];
