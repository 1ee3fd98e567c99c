//! The CRD of HTTPRoutes, as the Gateway API publishes it in its Go module. `xtask/tools/gateway-api` names the version, and
//! the sum that what is downloaded must have.

use std::path::PathBuf;

use anyhow::Result;

use crate::tools;

const HTTP_ROUTES: &str = "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml";

/// The file with the CRD, downloaded first if no build of anything has it.
pub(crate) fn http_routes() -> Result<PathBuf> {
    Ok(tools::module("gateway-api", "sigs.k8s.io/gateway-api")?.join(HTTP_ROUTES))
}
