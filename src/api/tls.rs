//! `spec.cluster.tls`: whether the distribution protocol is spoken inside of TLS, and with whose certificates.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// TLS between the nodes of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.mode != 'Secret' || has(self.secretName) && self.secretName != ''")
    .message("cluster.tls.secretName must name the Secret with tls.crt, tls.key and ca.crt when cluster.tls.mode is Secret: name it, or use mode Managed"))]
#[x_kube(validation = Rule::new("self.mode in ['Secret', 'Application'] || !has(self.secretName) || self.secretName == ''")
    .message("cluster.tls.secretName is read with cluster.tls.mode Secret or Application only: remove it, or change the mode"))]
pub struct Tls {
    /// Disabled: the protocol is spoken as it is; the cookie alone keeps strangers out. Managed: the operator is the
    /// certificate authority of the cluster; it renews certificates before they expire and nodes use new ones without a
    /// restart. Secret: the certificates are in secretName, made by cert-manager or yourself; renewed ones are used
    /// without a restart as well. Application: the image sets TLS up itself; the operator passes no flag and uses
    /// secretName to look into the nodes. With Managed and Secret, the release must contain the application ssl, and its
    /// vm.args must have neither -proto_dist, of which OTP 25 takes none if it is given twice and speaks without TLS, nor
    /// -ssl_dist_optfile. Members of a cluster must agree; nodes with and without TLS do not meet. Default: Disabled.
    #[serde(default)]
    pub mode: TlsMode,

    /// A Secret with tls.crt, tls.key and ca.crt, as cert-manager makes it. With mode Secret, the pods mount it, and
    /// tls.crt must be valid for the DNS name <cluster>-nodes.<namespace>.svc, by which nodes know each other. With mode
    /// Application, only the operator reads it: tls.crt is what it shows to the nodes, ca.crt whom it trusts.
    /// Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub secret_name: Option<String>,
}

/// Who makes the certificates of the nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TlsMode {
    /// Nobody: there is no TLS.
    #[default]
    Disabled,
    /// The operator.
    Managed,
    /// The maker of a Secret.
    Secret,
    /// The image.
    Application,
}
