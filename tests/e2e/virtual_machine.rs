//! What the operator passes to the virtual machine arrives there, on every OTP release that there is an image for.

use crate::harness::{Namespace, meshed, shop};

/// One and a half CPUs are two schedulers. The VM rounds the limit of processes up to a power of two.
const LIMITED: &str = "
replicas: 2
resources: {requests: {cpu: 50m}, limits: {cpu: 1500m}}
vm: {flags: +P 300000}
cluster: {ports: {epmd: 4370, distribution: {from: 9200, to: 9205}}}
";
const ASKED: &str = r##"IO.puts("#{:erlang.system_info(:schedulers_online)} #{:erlang.system_info(:process_limit)}")"##;

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn flags_and_ports_arrive_in_the_vm() {
    let namespace = Namespace::new("vm").await;
    for (name, image) in [("otp27", "localhost/shop:1"), ("otp25", "localhost/shop:1-otp25")] {
        namespace.apply(&shop(name, &format!("{LIMITED}\nimage: {image}\n"))).await;
    }
    for name in ["otp27", "otp25"] {
        let release = namespace.release(name);
        release.complete().await;
        meshed(&[release], 2).await;
        for node in release.nodes().await {
            assert_eq!(node.rpc(ASKED).await, "2 524288", "{name}");
            assert_eq!(node.rpc("IO.puts(:init.get_argument(:shutdown_time) |> elem(1))").await, "55000", "{name}");
            let listening = listening(&node.exec(&["cat", "/proc/net/tcp", "/proc/net/tcp6"]).await.unwrap());
            assert!(listening.contains(&4370), "{name} has its EPMD on {listening:?}");
            assert!(listening.contains(&9200), "{name} listens for its peers on {listening:?}");
            assert!(!listening.contains(&4369), "{name} has a second EPMD: {listening:?}");
        }
    }
}

/// The ports that somebody listens on, from the kernel's tables: state 0A, address and port in hexadecimal.
fn listening(tables: &str) -> Vec<u16> {
    let rows = tables.lines().map(|row| row.split_whitespace().collect::<Vec<_>>());
    let listening = rows.filter(|row| row.get(3) == Some(&"0A"));
    listening.filter_map(|row| u16::from_str_radix(row[1].rsplit(':').next()?, 16).ok()).collect()
}
