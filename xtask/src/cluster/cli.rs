//! `cargo xtask cluster …`

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::{Args, Subcommand, ValueEnum, value_parser};

use super::addresses::MAX_NODES;
use super::process::Processes;
use super::record::{self, Cluster};
use super::up::{Wanted, up};
use super::{check, control_plane, down, network, node, status};

/// How long the API server may finish its requests.
const API_SERVER_GRACE: Duration = Duration::from_secs(5);

/// What to do with a cluster.
#[derive(Subcommand)]
pub(crate) enum Task {
    /// Make the cluster, or start what of it has died
    Up(Up),
    /// End the cluster and remove everything that was made for it
    Down(Name),
    /// Tell what runs; fails if something has died
    Status(Name),
    /// Print the path of the administrator's kubeconfig
    Kubeconfig(Name),
    /// Import an OCI archive into the containerd of every node
    Load {
        #[command(flatten)]
        cluster: Name,
        archive: PathBuf,
    },
    /// Stop a node as if its plug was pulled, or start it again
    Node {
        #[command(flatten)]
        cluster: Name,
        action: NodeAction,
        /// The node's name in Kubernetes, such as n1
        node: String,
    },
    /// Cut the link of a node that goes on running, or restore it
    Link {
        #[command(flatten)]
        cluster: Name,
        action: LinkAction,
        /// The node's name in Kubernetes, such as n1
        node: String,
    },
    /// Run a command in a node's namespaces, such as `exec n1 -- nft list ruleset`
    Exec {
        #[command(flatten)]
        cluster: Name,
        /// The node's name in Kubernetes, such as n1
        node: String,
        #[arg(required = true, trailing_var_arg = true)]
        command: Vec<String>,
    },
    /// Try clusters of its own on this machine: pods, links, lost nodes, repair, and that nothing is left of them
    Check,
    /// Stop the API server alone
    StopApiserver(Name),
    /// Start the API server again
    StartApiserver(Name),
}

/// Which cluster.
#[derive(Args)]
pub(crate) struct Name {
    /// The cluster's name: several run side by side
    #[arg(long, default_value = "dev")]
    name: String,
}

#[derive(Args)]
pub(crate) struct Up {
    #[command(flatten)]
    cluster: Name,
    /// How many nodes; 3 for a new cluster, and what it has for one that exists
    #[arg(long, conflicts_with = "control_plane_only", value_parser = value_parser!(u8).range(1..=i64::from(MAX_NODES)))]
    nodes: Option<u8>,
    /// Only etcd and the API server, which needs neither root nor Linux
    #[arg(long)]
    control_plane_only: bool,
    /// With --control-plane-only: the controller manager too, for garbage collection and Deployments
    #[arg(long, requires = "control_plane_only")]
    with_controller_manager: bool,
    /// An argument for the API server, such as --apiserver-arg=--v=4; may be repeated
    #[arg(long, allow_hyphen_values = true)]
    apiserver_arg: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum NodeAction {
    Stop,
    Start,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum LinkAction {
    Cut,
    Restore,
}

/// Runs the task.
pub(crate) fn run(task: Task) -> Result<()> {
    match task {
        Task::Up(arguments) => run_up(arguments),
        Task::Down(Name { name }) => down::down(&name),
        Task::Status(Name { name }) => status::status(&name),
        Task::Kubeconfig(Name { name }) => {
            println!("{}", Cluster::open(&name)?.kubeconfig().display());
            Ok(())
        }
        Task::Load { cluster, archive } => super::load_image(&cluster.name, &archive).map(drop),
        Task::Node { cluster, action, node } => change_node(&cluster.name, action, &node),
        Task::Link { cluster, action, node } => {
            let cluster = Cluster::open(&cluster.name)?;
            network::set_link(cluster.node(&node)?, matches!(action, LinkAction::Restore))
        }
        Task::Exec { cluster, node, command } => {
            let cluster = Cluster::open(&cluster.name)?;
            let mut enter = node::command(&Processes::of(&cluster.directory), cluster.node(&node)?)?;
            Err(enter.args(command).exec().into())
        }
        Task::Check => check::check(),
        Task::StopApiserver(Name { name }) => {
            let (_lock, cluster) = (record::lock_existing(&name)?, Cluster::open(&name)?);
            Processes::of(&cluster.directory).stop(control_plane::API_SERVER, API_SERVER_GRACE)
        }
        Task::StartApiserver(Name { name }) => {
            let (_lock, cluster) = (record::lock_existing(&name)?, Cluster::open(&name)?);
            control_plane::ensure_api_server(&cluster)
        }
    }
}

fn run_up(arguments: Up) -> Result<()> {
    let wanted = Wanted {
        nodes: arguments.nodes,
        control_plane_only: arguments.control_plane_only,
        controller_manager: arguments.with_controller_manager,
        api_server_arguments: arguments.apiserver_arg,
    };
    let name = arguments.cluster.name;
    let cluster = up(&name, &wanted)?;
    let option = if name == "dev" { String::new() } else { format!(" --name {name}") };
    eprintln!("cluster {name} is up at {}. To use it:", cluster.server());
    eprintln!("  export KUBECONFIG=$(cargo xtask cluster kubeconfig{option})");
    eprintln!("  {} get pods --all-namespaces", control_plane::kubectl_path(&cluster)?);
    eprintln!("and to end it: cargo xtask cluster down{option}");
    Ok(())
}

fn change_node(name: &str, action: NodeAction, node: &str) -> Result<()> {
    let (_lock, cluster) = (record::lock_existing(name)?, Cluster::open(name)?);
    let node = cluster.node(node)?;
    match action {
        NodeAction::Stop => {
            ensure!(node.number != 1, "n1 carries the machine's way to the Services; stop another node");
            node::stop(&cluster, node)
        }
        NodeAction::Start => super::up::start_nodes(&cluster, &[node]),
    }
}
