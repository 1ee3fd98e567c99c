//! Where the checkout is, whatever directory a task is started in.

use std::path::Path;

/// The root of the checkout: the directory that has this crate in `xtask`.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}
