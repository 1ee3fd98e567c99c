//! The machine's own settings, which are its owner's.

use std::fs;

use anyhow::{Context, Result, ensure};

use crate::cluster::node_config::KERNEL_SETTINGS;
use crate::cluster::{cgroup, down::down, inotify, record};

/// What the machine was like before.
pub(super) struct Machine {
    kernel: Vec<String>,
    inotify: String,
}

impl Machine {
    pub(super) fn now() -> Result<Self> {
        let kernel = KERNEL_SETTINGS.iter().map(|(setting, _)| read(setting)).collect::<Result<_>>()?;
        Ok(Self { kernel, inotify: inotify::was()? })
    }

    /// What kubelet demands of the kernel is not what the machine gets, not even while there are nodes.
    pub(super) fn has_its_settings(&self) -> Result<()> {
        KERNEL_SETTINGS.iter().zip(&self.kernel).try_for_each(|((setting, _), before)| {
            let now = read(setting)?;
            ensure!(now == *before, "{setting} was {before} and is {now}");
            Ok(())
        })
    }

    /// After a `down`, unless somebody else's cluster needs the limit.
    pub(super) fn is_as_before(&self) -> Result<()> {
        self.has_its_settings()?;
        let (before, now) = (&self.inotify, fs::read_to_string(inotify::LIMIT)?);
        let is_needed = !record::used_slots()?.is_empty();
        ensure!(now.trim() == before || is_needed, "the inotify limit was {before} and is {now}");
        Ok(())
    }

    /// A `down` that was killed after its cluster had gone left the limit raised; the next one sets it back.
    pub(super) fn is_restored_without_a_cluster(&self, name: &str) -> Result<()> {
        inotify::raise_for(|| Ok(()))?;
        down(name)?;
        self.is_as_before()
    }
}

/// A cluster that cannot be seen but for its cgroups keeps its slot.
pub(super) fn slot_of_another_network_is_left() -> Result<()> {
    let slot = record::free_slot()?;
    let name = slot.node(1).id();
    cgroup::ensure(&name)?;
    let next = record::free_slot();
    cgroup::remove(&name)?;
    ensure!(next? != slot, "a new cluster would have got the cgroup {name} of another");
    Ok(())
}

fn read(setting: &str) -> Result<String> {
    let text = fs::read_to_string(format!("/proc/sys/{setting}"));
    Ok(text.with_context(|| format!("failed to read {setting}"))?.trim().to_owned())
}
