//! Is the CRD installed, in the version that this operator was built for?
//!
//! Asked of discovery, which every authenticated user may read, so that it needs no permission on CRDs.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIGroup;
use kube::{Client, Error};

/// A custom resource the operator cannot do without.
#[derive(Clone, Copy, Debug)]
pub struct CustomResource {
    /// API group.
    pub group: &'static str,
    /// The version that the operator reads and writes.
    pub version: &'static str,
    /// The resource in the plural.
    pub plural: &'static str,
}

impl CustomResource {
    /// What is missing, in words, or nothing.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub(super) async fn missing(&self, client: &Client) -> Result<Option<String>, Error> {
        let Self { group, version, plural } = self;
        let remedy = "install it with: helm upgrade (with crds.install=true), or kubectl apply -f crds/";
        match client.list_api_group_resources(&format!("{group}/{version}")).await {
            Ok(list) if list.resources.iter().any(|resource| resource.name == *plural) => Ok(None),
            Ok(_) => Ok(Some(format!("the CRD {plural}.{group} is not installed; {remedy}"))),
            Err(Error::Api(status)) if status.code == 404 => Ok(Some(match self.served(client).await? {
                versions if versions.is_empty() => format!("the CRD {plural}.{group} is not installed; {remedy}"),
                versions => format!(
                    "the CRD {plural}.{group} is installed in version {} but this operator needs {version}; {remedy}",
                    versions.join(", ")
                ),
            })),
            Err(error) => Err(error),
        }
    }

    /// The versions of the group that are served.
    async fn served(&self, client: &Client) -> Result<Vec<String>, Error> {
        let request = http::Request::get(format!("/apis/{}", self.group)).body(Vec::new()).map_err(Error::HttpError)?;
        match client.request::<APIGroup>(request).await {
            Ok(group) => Ok(group.versions.into_iter().map(|version| version.version).collect()),
            Err(Error::Api(status)) if status.code == 404 => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}
