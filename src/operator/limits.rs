//! How many connections the process may have.
//!
//! Each is an open file to the kernel. A process is given two limits: a soft one, which holds, and a hard one, up to which
//! it may raise the soft one itself. The soft one is 1,024 where a container runtime leaves it as systemd sets it, for the
//! sake of programs that use `select(2)`, and an operator that watches a thousand nodes has more connections than that.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Allows the process as many open files as it may allow itself, see getrlimit(2).
///
/// # Errors
/// The kernel refuses, and the limit is what it was.
pub fn raise_open_files() -> io::Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return Ok(());
    }
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        let lower = maximum.map_or(1 << 16, |maximum| maximum - 1);
        setrlimit(Resource::Nofile, Rlimit { current: Some(lower), maximum }).unwrap();
        raise_open_files().unwrap();
        assert_eq!(getrlimit(Resource::Nofile), Rlimit { current: maximum, maximum });
    }
}
