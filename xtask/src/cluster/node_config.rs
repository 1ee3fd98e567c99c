//! What a node's daemons are configured with. All paths are as the node sees them; see [`super::node`].

use std::path::Path;

use serde_json::{Value, json};

use super::addresses::Node;

pub(crate) const CONTAINERD: &str = "/var/lib/node/containerd.toml";
pub(crate) const CNI: &str = "/var/lib/node/cni/10-pods.conflist";
pub(crate) const KUBELET: &str = "/var/lib/node/kubelet.json";
pub(crate) const KUBELET_SCRIPT: &str = "/var/lib/node/kubelet.sh";
pub(crate) const KUBE_PROXY: &str = "/var/lib/node/kube-proxy.json";
pub(crate) const KUBELET_KUBECONFIG: &str = "/var/lib/node/kubelet.kubeconfig";
pub(crate) const KUBE_PROXY_KUBECONFIG: &str = "/var/lib/node/kube-proxy.kubeconfig";
pub(crate) const AUTHORITY: &str = "/var/lib/node/ca.crt";

const CONTAINERD_SOCKET: &str = "unix:///run/containerd/containerd.sock";

/// What kubelet demands of the kernel; see [`kubelet_script`].
pub(crate) const KERNEL_SETTINGS: [(&str, u32); 6] = [
    ("vm/overcommit_memory", 1),
    ("vm/panic_on_oom", 0),
    ("kernel/panic", 10),
    ("kernel/panic_on_oops", 1),
    ("kernel/keys/root_maxkeys", 1_000_000),
    ("kernel/keys/root_maxbytes", 25_000_000),
];

/// Makes the node's mounts and becomes its first process.
///
/// Everything that is needed later is brought into the node's own `/run` before that hides the machine's `/run` and
/// `/var`, in which the tools may be. Mounts that kubelet makes have to be seen by containers, so they are shared
/// within the node; those of the machine go on coming in, and none goes out.
pub(crate) fn boot_script(node: Node, directory: &Path, tools: &Path, init: &Path) -> String {
    format!(
        r#"set -e
cd "{directory}"
hostname {name}
echo 1 >/proc/sys/net/ipv4/ip_forward
mount --make-rshared /
mount -t tmpfs -o mode=755 tmpfs run
mkdir run/tools run/lock
mount --bind "{tools}" run/tools
cp "{init}" run/init
mkdir -p var/log var/tmp var/lib
chmod 1777 var/tmp
ln -sfn /run var/run
mount --rbind run /run
mount --bind var /var
cd /
touch /run/booted
exec /run/init
"#,
        directory = directory.display(),
        name = node.name(),
        tools = tools.display(),
        init = init.display(),
    )
}

/// Shows kubelet the kernel's settings as it demands them, and becomes the program that it is given.
///
/// The settings are the machine's: with what kubelet would write, its owner's programs would get memory that is not
/// there, and a fault in a driver would restart it. They need not be so for a node to work. The mounts that hide them
/// are seen by nobody else, because `/proc` is private here, while all others are shared with the node as before.
pub(crate) fn kubelet_script() -> String {
    let hide = |(setting, value): &(&str, u32)| {
        let file = format!("/run/kernel/{}", setting.replace('/', "."));
        format!("echo {value} >{file}\nmount --bind {file} /proc/sys/{setting}\n")
    };
    let hidden: String = KERNEL_SETTINGS.iter().map(hide).collect();
    format!("set -e\nmount --make-rprivate /proc\nmkdir -p /run/kernel\n{hidden}exec \"$@\"\n")
}

/// containerd 1.6 and newer.
pub(crate) fn containerd(pause_image: &str) -> String {
    // Without CAP_SYS_RESOURCE, which containers that act as machines often lack, runc cannot lower an OOM score.
    format!(
        r#"version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause_image}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/var/lib/node/cni"
"#
    )
}

/// The pods' network: each pod has a link to its node, which routes.
///
/// With a bridge instead, a pod's answer to a neighbour that called it by a Service would go past the packet filter
/// that has to translate it back.
pub(crate) fn cni(node: Node) -> Value {
    json!({
        "cniVersion": "0.4.0",
        "name": "pods",
        "plugins": [
            {
                "type": "ptp",
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": node.pods().to_string()}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                    // Empty after a reboot, as no pod outlives one.
                    "dataDir": "/run/cni",
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": true}},
        ],
    })
}

pub(crate) fn kubelet(node: Node) -> Value {
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": true},
            "x509": {"clientCAFile": AUTHORITY},
        },
        "authorization": {"mode": "Webhook"},
        "address": node.address().address,
        "clusterDNS": [node.slot.host().address],
        "clusterDomain": "cluster.local",
        "resolvConf": "/dev/null",
        "containerRuntimeEndpoint": CONTAINERD_SOCKET,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": format!("/{}", node.id()),
        "enforceNodeAllocatable": [],
        "failCgroupV1": false,
        "failSwapOn": false,
        // Ends rather than change a setting that it was not shown as it demands it.
        "protectKernelDefaults": true,
        // The disk is the machine's and often fuller than a node's would be: it is not this cluster's to clean up.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"memory.available": "100Mi"},
        // Renewed every 3 s, so that a lost node is noticed after 15 s instead of a minute; see the control plane.
        "nodeLeaseDurationSeconds": 12,
        "nodeStatusUpdateFrequency": "5s",
        "syncFrequency": "10s",
    })
}

pub(crate) fn kubelet_arguments(node: Node) -> Vec<String> {
    vec![
        format!("--config={KUBELET}"),
        format!("--kubeconfig={KUBELET_KUBECONFIG}"),
        format!("--hostname-override={}", node.name()),
        format!("--node-ip={}", node.address().address),
    ]
}

pub(crate) fn kube_proxy(node: Node) -> Value {
    json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": KUBE_PROXY_KUBECONFIG},
        "hostnameOverride": node.name(),
        // What does not come from a pod of this node, such as a request of the machine, has to get its answer back
        // through this node.
        "clusterCIDR": node.pods().to_string(),
        // These settings are the machine's, not the node's.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        "healthzBindAddress": "",
        "metricsBindAddress": "",
    })
}

#[cfg(test)]
mod tests {
    use super::super::addresses::Slot;
    use super::*;

    #[test]
    fn kubelet_sees_the_settings_that_it_demands_and_changes_none() {
        let script = kubelet_script();
        let lines: Vec<_> = script.lines().collect();
        assert_eq!(lines[..2], ["set -e", "mount --make-rprivate /proc"]);
        assert!(script.contains(
            "echo 1 >/run/kernel/vm.overcommit_memory\n\
             mount --bind /run/kernel/vm.overcommit_memory /proc/sys/vm/overcommit_memory\n"
        ));
        assert_eq!(script.matches("mount --bind").count(), KERNEL_SETTINGS.len());
        assert_eq!(lines.last(), Some(&"exec \"$@\""));
        assert_eq!(kubelet(Slot(0).node(1))["protectKernelDefaults"], true);
    }
}
