//! The memory of the process, read when somebody asks.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

/// Prints `process_resident_memory_bytes`, the name that Prometheus' own clients use; nothing where there is no /proc.
#[derive(Debug)]
pub(super) struct ResidentMemory;

impl Collector for ResidentMemory {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let Some(bytes) = std::fs::read_to_string("/proc/self/status").ok().as_deref().and_then(resident_bytes) else {
            return Ok(());
        };
        let help = "Memory of the process that is in RAM, in bytes";
        let metric = encoder.encode_descriptor("process_resident_memory_bytes", help, None, MetricType::Gauge)?;
        ConstGauge::new(bytes).encode(metric)
    }
}

/// `VmRSS` of [/proc/PID/status](https://man7.org/linux/man-pages/man5/proc_pid_status.5.html), which is in KiB.
fn resident_bytes(status: &str) -> Option<i64> {
    let value = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: i64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::resident_bytes;

    #[test]
    fn resident_memory_is_read_in_bytes() {
        assert_eq!(resident_bytes("VmSize:\t  9000 kB\nVmRSS:\t    4516 kB\n"), Some(4516 * 1024));
        assert_eq!(resident_bytes("VmSize:\t  9000 kB\n"), None);
        assert_eq!(resident_bytes("VmRSS:\tmany kB\n"), None);
    }
}
