//! The way of requests to the two revisions of a canary whose traffic is split by an HTTPRoute: what is seen of the route and
//! of the two Services that it sends them to, and in words why it cannot be used.

use kube::ResourceExt;

use super::split::Split;
use crate::controller::cache::{Lack, Sight};
use crate::controller::kind::ChildKind;
use crate::controller::observe::Observed;
use crate::resources::names;
use crate::resources::problem::Problem;

/// The field that names the route.
pub(crate) const FIELD: &str = "spec.rollout.canary.httpRoute";

/// What is seen of the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// The name of the route.
    pub route: String,
    /// How it splits requests, or why that is not known.
    pub split: Result<Split, Trouble>,
    /// The revision that the traffic Service leads to; `None` if to none alone.
    pub main: Option<String>,
    /// The revision that the Service for previews leads to.
    pub preview: Option<String>,
}

/// Why it is not known how a route splits requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Nobody has looked yet.
    Unknown,
    /// What is wrong, and what to do about it.
    Told(String),
}

impl Way {
    /// What is seen, if the release names a route.
    pub fn of(observed: &Observed) -> Option<Self> {
        let (release, sight) = (&*observed.release, observed.route.as_ref()?);
        let route = release.spec.rollout.route()?;
        let [service, preview] = [release.name_any(), names::preview_service(release)];
        let leads_to = |service: &str| {
            let child = observed.child(ChildKind::Service, service).filter(|child| child.is_ours(observed.uid()));
            child.filter(|child| !child.deleting)?.leads_to().map(ToOwned::to_owned)
        };
        let split = match sight {
            Sight::Unknown => Err(Trouble::Unknown),
            Sight::Unavailable(Lack::NotInstalled) => Err(Trouble::Told(
                "the API server knows no HTTPRoutes: install the Gateway API (gateway.networking.k8s.io/v1)".to_owned(),
            )),
            Sight::Unavailable(Lack::Forbidden) => Err(Trouble::Told(
                "the operator has no permission to list and watch httproutes.gateway.networking.k8s.io: grant it, with Helm \
                 by rbac.httpRoutes=true"
                    .to_owned(),
            )),
            Sight::Missing => Err(Trouble::Told(format!(
                "there is no HTTPRoute {route} in this namespace: make it, with a backendRef to Service {service}"
            ))),
            Sight::Seen(seen) => Split::of(seen, &service, &preview).map_err(Trouble::Told),
        };
        Some(Self { route: route.to_owned(), split, main: leads_to(&service), preview: leads_to(&preview) })
    }

    /// Why the route cannot be used, with the field that names it.
    pub fn trouble(&self) -> Option<String> {
        match self.split.as_ref().err()? {
            Trouble::Unknown => Some(format!("{FIELD}: HTTPRoute {} was not looked at yet", self.route)),
            Trouble::Told(trouble) => Some(format!("{FIELD}: {trouble}")),
        }
    }

    /// The most that goes to the Service for previews, in percent; 0 where nothing is known.
    pub fn to_preview(&self) -> i32 {
        self.split.as_ref().map_or(0, Split::to_preview)
    }
}

/// What is odd about routes: that the one which is named cannot be used, and that another sends requests to the Service for
/// previews that is kept for nothing else.
pub(crate) fn warnings(observed: &Observed) -> Vec<Problem> {
    let told = |way: &Way| match &way.split {
        Err(Trouble::Told(trouble)) => Some(trouble.clone()),
        _ => None,
    };
    let trouble = Way::of(observed).as_ref().and_then(told);
    let rollout = &observed.release.spec.rollout;
    let preview = names::preview_service(&observed.release);
    let is_kept = !names::has_preview(&observed.release) && observed.child(ChildKind::Service, &preview).is_some();
    let others = observed.previewed_by.iter().flatten().filter(|name| is_kept && rollout.route() != Some(&***name));
    let left = others.map(|name| {
        format!("no longer names HTTPRoute {name}, which has a backendRef to Service {preview}: take it out, then the Service goes")
    });
    trouble.into_iter().chain(left).map(|message| Problem::new(FIELD, message)).collect()
}
