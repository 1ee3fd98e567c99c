//! Numbers and amounts.

use super::*;

#[rstest]
#[case::no_progress_possible(
    |r: Broken| r.spec.rollout.max_surge = IntOrString::Int(0),
    "spec.rollout: rollout.maxSurge and rollout.maxUnavailable must not both be 0: no pod could ever be replaced; set one of them to 1"
)]
#[case::surge_that_is_no_share(
    |r: Broken| r.spec.rollout.max_surge = IntOrString::String("a third".to_owned()),
    "spec.rollout.maxSurge: must be a number that is not negative or a percentage such as \"25%\""
)]
#[case::more_than_all_unavailable(
    |r: Broken| r.spec.rollout.max_unavailable = IntOrString::String("101%".to_owned()),
    "spec.rollout.maxUnavailable: must be a number that is not negative or a percentage from \"0%\" to \"100%\""
)]
#[case::deadline_too_short(
    |r: Broken| r.spec.rollout.progress_deadline_seconds = 10,
    "spec.rollout: rollout.progressDeadlineSeconds must be above rollout.minReadySeconds: raise the deadline"
)]
#[case::negative_history(|r: Broken| r.spec.rollout.revision_history_limit = -1, "spec.rollout.revisionHistoryLimit: must be 0 or more, not -1")]
#[case::delay_longer_than_grace(
    |r: Broken| r.spec.shutdown.delay_seconds = 60,
    "spec.shutdown: shutdown.delaySeconds must be below shutdown.gracePeriodSeconds: the delay is part of the grace period, raise the latter"
)]
#[case::grace_shortened_by_the_template(
    |r: Broken| r.spec.pod_template = yaml("{spec: {terminationGracePeriodSeconds: 3}}"),
    "spec.podTemplate.spec.terminationGracePeriodSeconds: is 3, and the node would still sleep for 5 seconds (preStop): raise it"
)]
#[case::drain_longer_than_grace(
    |r: Broken| r.spec.shutdown.drain = Some(yaml("{rpc: a, timeoutSeconds: 55}")),
    "spec.shutdown: shutdown.delaySeconds and shutdown.drain.timeoutSeconds together must be below shutdown.gracePeriodSeconds: raise the latter, or the node is killed while it drains"
)]
#[case::drain_twice(
    |r: Broken| r.spec.shutdown.drain = Some(yaml("{rpc: a, exec: [b]}")),
    "spec.shutdown.drain: shutdown.drain takes either rpc or exec: give one of them"
)]
#[case::drain_of_nothing(
    |r: Broken| r.spec.shutdown.drain = Some(yaml("{exec: []}")),
    "spec.shutdown.drain.exec: is empty: write the command and its arguments"
)]
#[case::drain_by_no_command(
    |r: Broken| r.spec.shutdown.drain = Some(yaml("{exec: ['']}")),
    "spec.shutdown.drain.exec: is empty: write the command and its arguments"
)]
#[case::drain_by_no_expression(
    |r: Broken| r.spec.shutdown.drain = Some(yaml("{rpc: ' '}")),
    "spec.shutdown.drain.rpc: is empty: write the expression, such as Shop.Drain.run()"
)]
#[case::drain_that_cannot_start_without_epmd(
    |r: Broken| {
        r.spec.release.tool = ReleaseTool::Distillery;
        r.spec.cluster.epmd = Epmd::Disabled;
        r.spec.shutdown.drain = Some(yaml("{rpc: a}"));
    },
    "spec.shutdown.drain.rpc: spec.cluster.epmd leaves the one port to the node, so that rpc, remote_console and stop of Distillery cannot start beside it: use exec, or enable EPMD"
)]
#[case::drain_that_cannot_start_with_one_port(
    |r: Broken| {
        r.spec.release.tool = ReleaseTool::Relx;
        r.spec.cluster.tls.mode = TlsMode::Managed;
        r.spec.cluster.ports.distribution = PortRange { from: 9100, to: 9100 };
        r.spec.shutdown.drain = Some(yaml("{rpc: a.}"));
    },
    "spec.shutdown.drain.rpc: spec.cluster.ports.distribution leaves the one port to the node, so that ping, rpc and eval of relx, which need a VM to speak TLS, cannot start beside it: use exec, or give it more ports"
)]
#[case::leave_twice(
    |r: Broken| r.spec.shutdown.leave = Some(yaml("{rpc: a, exec: [b]}")),
    "spec.shutdown.leave: shutdown.leave takes either rpc or exec: give one of them"
)]
#[case::leave_of_nothing(
    |r: Broken| r.spec.shutdown.leave = Some(yaml("{exec: []}")),
    "spec.shutdown.leave.exec: is empty: write the command and its arguments"
)]
#[case::leave_in_no_time(
    |r: Broken| r.spec.shutdown.leave = Some(yaml("{exec: [a], timeoutSeconds: 0}")),
    "spec.shutdown.leave.timeoutSeconds: must be 1 or more, not 0"
)]
#[case::leave_without_a_script(
    |r: Broken| {
        r.spec.release.tool = crate::api::ReleaseTool::None;
        r.spec.shutdown.leave = Some(yaml("{rpc: a}"));
    },
    "spec.shutdown.leave.rpc: release.tool None says nothing of a script that could call the node: use exec"
)]
#[case::leave_with_every_rollout(
    |r: Broken| {
        r.spec.rollout.strategy = crate::api::Strategy::BlueGreen;
        r.spec.shutdown.leave = Some(yaml("{rpc: a}"));
    },
    "spec: shutdown.leave needs rollout.strategy RollingUpdate, or Recreate with workload.kind Deployment: the others take nodes away with every rollout"
)]
#[case::drain_without_a_script(
    |r: Broken| {
        r.spec.release.tool = crate::api::ReleaseTool::None;
        r.spec.shutdown.drain = Some(yaml("{rpc: a}"));
    },
    "spec.shutdown.drain.rpc: release.tool None says nothing of a script that could call the node: use exec"
)]
#[case::drain_cut_by_the_template(
    |r: Broken| {
        r.spec.shutdown.drain = Some(yaml("{rpc: a}"));
        r.spec.pod_template = yaml("{spec: {terminationGracePeriodSeconds: 35}}");
    },
    "spec.podTemplate.spec.terminationGracePeriodSeconds: is 35, and the delay and the drain of shutdown take up to 35 seconds: raise it"
)]
#[case::both_budgets(
    |r: Broken| r.spec.disruption_budget = yaml("{maxUnavailable: 1, minAvailable: 1}"),
    "spec.disruptionBudget: disruptionBudget takes maxUnavailable or minAvailable, not both: remove one"
)]
#[case::negative_budget(
    |r: Broken| r.spec.disruption_budget = yaml("{maxUnavailable: -1}"),
    "spec.disruptionBudget.maxUnavailable: must be a number that is not negative or a percentage from \"0%\" to \"100%\""
)]
#[case::too_many_schedulers(
    |r: Broken| r.spec.vm.schedulers = Some(Schedulers::Count(1025)),
    "spec.vm.schedulers: vm.schedulers must be Auto, Default or a number from 1 to 1024"
)]
#[case::least_above_most(
    |r: Broken| r.spec.autoscaling.as_mut().unwrap().min_replicas = 7,
    "spec.autoscaling: autoscaling.minReplicas must not be above autoscaling.maxReplicas: lower the first or raise the second"
)]
#[case::from_zero_by_cpu(
    |r: Broken| r.spec.autoscaling.as_mut().unwrap().min_replicas = 0,
    "spec.autoscaling.minReplicas: may be 0 only with a metric of type External or Object: no other says when to start the first node; set it to 1"
)]
#[case::metric_of_no_type(
    |r: Broken| r.spec.autoscaling.as_mut().unwrap().metrics = yaml("[{pods: {metric: {name: q}, target: {type: Value}}}]"),
    "spec.autoscaling.metrics[0].type: must be Resource, ContainerResource, Pods, Object or External"
)]
#[case::metric_of_another_type(
    |r: Broken| r.spec.autoscaling.as_mut().unwrap().metrics = yaml("[{type: External, pods: {metric: {name: q}, target: {type: Value}}}]"),
    "spec.autoscaling.metrics[0]: is of type External and needs the field external"
)]
#[case::amount_that_is_none(
    |r: Broken| r.spec.resources = yaml("{requests: {cpu: lots}}"),
    "spec.resources.requests[cpu]: \"lots\" is not an amount: write it like 500m, 0.5, 512Mi or 1Gi, and not below 0"
)]
#[case::negative_amount(
    |r: Broken| r.spec.resources = yaml("{requests: {cpu: 1}, limits: {memory: -1Gi}}"),
    "spec.resources.limits[memory]: \"-1Gi\" is not an amount: write it like 500m, 0.5, 512Mi or 1Gi, and not below 0"
)]
#[case::request_above_the_limit(
    |r: Broken| r.spec.resources = yaml("{requests: {cpu: 1, memory: 1Gi}, limits: {memory: 900Mi}}"),
    "spec.resources.requests[memory]: 1Gi is above the limit of 900Mi: lower it or raise the limit"
)]
#[case::request_of_a_sidecar(
    |r: Broken| r.spec.pod_template = yaml("{spec: {containers: [{name: log, image: x, resources: {requests: {cpu: much}}}]}}"),
    "spec.podTemplate.spec.containers[0].resources.requests[cpu]: \"much\" is not an amount: write it like 500m, 0.5, 512Mi or 1Gi, and not below 0"
)]
#[case::request_of_an_init_container(
    |r: Broken| r.spec.pod_template = yaml("{spec: {initContainers: [{name: warm, image: x, resources: {limits: {cpu: lots}}}]}}"),
    "spec.podTemplate.spec.initContainers[0].resources.limits[cpu]: \"lots\" is not an amount: write it like 500m, 0.5, 512Mi or 1Gi, and not below 0"
)]
fn limits(#[case] breaks: fn(&mut ElixirRelease), #[case] expected: &str) {
    only(breaks, expected);
}

/// Beside a sleep, which the API server judges as well, a hook of `podTemplate` may take as long as it likes; and without a
/// traffic Service nobody is waited for.
#[rstest]
#[case::a_hook_of_their_own("lifecycle: {preStop: {exec: {command: [a]}, sleep: null}}", "ClusterIP", None)]
#[case::a_sleep_of_their_own(
    "lifecycle: {preStop: {exec: null, sleep: {seconds: 40}}}",
    "ClusterIP",
    Some("40 seconds (preStop)")
)]
#[case::ours("{}", "ClusterIP", Some("35 seconds"))]
#[case::ours_without_traffic("{}", "None", None)]
fn the_grace_period_of_the_template(#[case] container: &str, #[case] service: &str, #[case] expected: Option<&str>) {
    let release = fixture::release(&format!(
        "{{ports: [{{containerPort: 4000}}], service: {{type: {service}}}, shutdown: {{drain: {{exec: [b]}}}}, podTemplate: {{\
           spec: {{terminationGracePeriodSeconds: 33, containers: [{{name: release, image: a, CONTAINER}}]}}}}}}"
    ).replace("CONTAINER", if container == "{}" { "tty: false" } else { container }));
    let problems =
        validate(&release, &[&release], References::Unknown, &Facts::default(), now()).err().unwrap_or_default();
    let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), usize::from(expected.is_some()), "{told:?}");
    assert!(told.iter().all(|told| told.contains(expected.unwrap())), "{told:?}");
}
