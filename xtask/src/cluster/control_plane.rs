//! etcd, the API server and what works beside it, on the machine itself: what each is started with, and in what order.
//!
//! etcd listens on loopback only. The API server and the cluster's DNS listen where the nodes reach them, on the
//! bridge; without nodes the API server is on loopback too.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::addresses::Slot;
use super::assets;
use super::file::write;
use super::pki::{Authority, User};
use super::process::Processes;
use super::record::{Cluster, Extent};
use crate::command;
use crate::tools::{self, Tool};

/// The record of the API server's process.
pub(crate) const API_SERVER: &str = "kube-apiserver";
const API_SERVER_NAMES: &[&str] = &[
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
];
/// Two busy cores start an API server within 20 s.
const READY: Duration = Duration::from_mins(2);

/// Starts what does not run, waits until the API server answers, and writes the administrator's kubeconfig.
pub(crate) fn ensure(cluster: &Cluster) -> Result<()> {
    let authority = Authority::ensure(&cluster.directory.join("pki"))?;
    let processes = Processes::of(&cluster.directory);
    authority.write_kubeconfig(&cluster.kubeconfig(), &User::administrator("admin"), &cluster.server())?;
    processes.ensure("etcd", &etcd(cluster)?)?;
    ensure_api_server(cluster)?;
    if cluster.record.extent == (Extent::ControlPlane { controller_manager: false }) {
        return Ok(());
    }
    let controller_manager = controller_manager(cluster, &authority)?;
    processes.ensure("kube-controller-manager", &controller_manager)?;
    if let Extent::Nodes { slot, .. } = cluster.record.extent {
        processes.ensure("kube-scheduler", &scheduler(cluster, &authority)?)?;
        processes.ensure("coredns", &dns(cluster, slot, &authority)?)?;
    }
    Ok(())
}

/// Starts the API server if it does not run, and waits until it answers.
pub(crate) fn ensure_api_server(cluster: &Cluster) -> Result<()> {
    let authority = Authority::ensure(&cluster.directory.join("pki"))?;
    let processes = Processes::of(&cluster.directory);
    processes.ensure(API_SERVER, &api_server(cluster, &authority)?)?;
    let deadline = Instant::now() + READY;
    while let Err(error) = kubectl(cluster, &["get", "--raw", "/readyz"]) {
        processes.check("etcd")?;
        processes.check(API_SERVER)?;
        if Instant::now() > deadline {
            bail!("the API server is not ready after {} s: {error}", READY.as_secs());
        }
        thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// Runs kubectl as the cluster's administrator and returns what it prints.
pub(crate) fn kubectl(cluster: &Cluster, arguments: &[&str]) -> Result<String> {
    let mut kubectl = Command::new(kubectl_path(cluster)?);
    // An API server that was stopped in the middle of a request never answers it.
    kubectl.arg("--request-timeout=5s").arg("--kubeconfig").arg(cluster.kubeconfig());
    command::output(kubectl.args(arguments))
}

/// The kubectl that is as old as the cluster.
pub(crate) fn kubectl_path(cluster: &Cluster) -> Result<String> {
    program(cluster, &tools::KUBECTL)
}

/// Builds, where needed, the tools that a control plane of this extent runs.
pub(crate) fn ensure_tools(extent: Extent) -> Result<()> {
    let more = match extent {
        Extent::ControlPlane { controller_manager: false } => None,
        Extent::ControlPlane { controller_manager: true } => Some(tools::KUBE_CONTROLLER_MANAGER),
        Extent::Nodes { .. } => Some(tools::COREDNS),
    };
    let mut tools = [tools::ETCD, tools::KUBE_APISERVER, tools::KUBECTL].into_iter().chain(more);
    tools.try_for_each(|tool| assets::ensure(extent, &tool))
}

fn program(cluster: &Cluster, tool: &Tool) -> Result<String> {
    Ok(assets::path(cluster.record.extent, tool)?.display().to_string())
}

impl Cluster {
    /// The API server's URL.
    pub(crate) fn server(&self) -> String {
        format!("https://{}", self.record.endpoint)
    }

    fn etcd_urls(&self) -> [String; 2] {
        self.record.etcd_ports.map(|port| format!("http://127.0.0.1:{port}"))
    }

    fn path(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }
}

fn etcd(cluster: &Cluster) -> Result<Vec<String>> {
    let [clients, peers] = cluster.etcd_urls();
    Ok(vec![
        program(cluster, &tools::ETCD)?,
        format!("--data-dir={}", cluster.path("etcd")),
        format!("--listen-client-urls={clients}"),
        format!("--advertise-client-urls={clients}"),
        format!("--listen-peer-urls={peers}"),
        format!("--initial-advertise-peer-urls={peers}"),
        format!("--initial-cluster=default={peers}"),
        // Nobody needs this data after a power cut.
        "--unsafe-no-fsync".to_owned(),
        "--log-level=warn".to_owned(),
    ])
}

fn api_server(cluster: &Cluster, authority: &Authority) -> Result<Vec<String>> {
    let record = &cluster.record;
    let (address, services) = (*record.endpoint.ip(), record.extent.services());
    let addresses = [Ipv4Addr::LOCALHOST, address, services.first()].map(IpAddr::V4);
    authority.ensure_server(API_SERVER, API_SERVER_NAMES, &addresses)?;
    authority.ensure_token_key()?;
    let kubelet_client = User::administrator("kube-apiserver-kubelet-client");
    authority.ensure_user(&kubelet_client)?;
    let mut command = vec![
        program(cluster, &tools::KUBE_APISERVER)?,
        format!("--etcd-servers={}", cluster.etcd_urls()[0]),
        format!("--bind-address={address}"),
        format!("--advertise-address={address}"),
        format!("--secure-port={}", record.endpoint.port()),
        format!("--tls-cert-file={}", authority.file("kube-apiserver.crt")),
        format!("--tls-private-key-file={}", authority.file("kube-apiserver.key")),
        format!("--client-ca-file={}", authority.file("ca.crt")),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        format!("--service-account-key-file={}", authority.file("service-accounts.pub")),
        format!("--service-account-signing-key-file={}", authority.file("service-accounts.key")),
        format!("--service-cluster-ip-range={services}"),
        "--authorization-mode=Node,RBAC".to_owned(),
        "--allow-privileged=true".to_owned(),
        format!("--kubelet-client-certificate={}", authority.file(&format!("{}.crt", kubelet_client.file()))),
        format!("--kubelet-client-key={}", authority.file(&format!("{}.key", kubelet_client.file()))),
        "--kubelet-preferred-address-types=InternalIP".to_owned(),
    ];
    if let Extent::ControlPlane { controller_manager } = record.extent {
        // The endpoints of the Service `kubernetes` must not be a loopback address.
        command.push("--endpoint-reconciler-type=none".to_owned());
        if !controller_manager {
            // Nobody makes the default service account, without which no pod would be admitted.
            command.push("--disable-admission-plugins=ServiceAccount".to_owned());
        }
    }
    command.extend(record.api_server_arguments.iter().cloned());
    Ok(command)
}

/// A component's command line up to its own options: its program, and how it reaches the API server.
fn component(cluster: &Cluster, authority: &Authority, tool: &Tool) -> Result<Vec<String>> {
    let kubeconfig = cluster.directory.join(format!("{}.kubeconfig", tool.name()));
    authority.write_kubeconfig(&kubeconfig, &User::component(tool.name()), &cluster.server())?;
    Ok(vec![
        program(cluster, tool)?,
        format!("--kubeconfig={}", kubeconfig.display()),
        // There is one of each, and nobody reads its metrics.
        "--leader-elect=false".to_owned(),
        "--secure-port=0".to_owned(),
    ])
}

fn controller_manager(cluster: &Cluster, authority: &Authority) -> Result<Vec<String>> {
    let mut command = component(cluster, authority, &tools::KUBE_CONTROLLER_MANAGER)?;
    command.extend([
        format!("--service-account-private-key-file={}", authority.file("service-accounts.key")),
        format!("--root-ca-file={}", authority.file("ca.crt")),
        "--use-service-account-credentials=true".to_owned(),
        "--allocate-node-cidrs=false".to_owned(),
        // With the default limit of 20 requests a second, it takes five seconds to make its own service accounts.
        "--kube-api-qps=200".to_owned(),
        "--kube-api-burst=400".to_owned(),
        // With the nodes' short leases, a lost node is noticed soon.
        "--node-monitor-grace-period=15s".to_owned(),
        format!("--cluster-signing-cert-file={}", authority.file("ca.crt")),
        format!("--cluster-signing-key-file={}", authority.file("ca.key")),
    ]);
    Ok(command)
}

fn scheduler(cluster: &Cluster, authority: &Authority) -> Result<Vec<String>> {
    component(cluster, authority, &tools::KUBE_SCHEDULER)
}

fn dns(cluster: &Cluster, slot: Slot, authority: &Authority) -> Result<Vec<String>> {
    let kubeconfig = cluster.path("coredns.kubeconfig");
    authority.write_kubeconfig(Path::new(&kubeconfig), &User::administrator("coredns"), &cluster.server())?;
    let file = cluster.path("Corefile");
    write(Path::new(&file), &corefile(slot.host().address, &kubeconfig))?;
    Ok(vec![tools::COREDNS.path()?.display().to_string(), "-conf".to_owned(), file])
}

/// Answers for the cluster and for nothing else: pods of this cluster reach no other name server.
fn corefile(address: Ipv4Addr, kubeconfig: &str) -> String {
    format!(
        ".:53 {{
    bind {address}
    errors
    kubernetes cluster.local {{
        kubeconfig {kubeconfig} beam
        ttl 1
    }}
}}
"
    )
}
