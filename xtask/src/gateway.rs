//! The CRD of HTTPRoutes, as the Gateway API publishes it in its Go module. `xtask/tools/gateway-api` names the version, and
//! the sum that what is downloaded must have.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::command;

const MODULE: &str = "sigs.k8s.io/gateway-api";
const HTTP_ROUTES: &str = "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml";

/// The file with the CRD, downloaded first if no build of anything has it.
pub(crate) fn http_routes() -> Result<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/gateway-api");
    let mut go = Command::new("go");
    go.current_dir(source).env("GOFLAGS", "").env("GOWORK", "off").args(["mod", "download", "-json", MODULE]);
    let told: Value = serde_json::from_str(&command::output(&mut go)?)?;
    let directory = told["Dir"].as_str().with_context(|| format!("go does not say where {MODULE} is"))?;
    Ok(Path::new(directory).join(HTTP_ROUTES))
}
