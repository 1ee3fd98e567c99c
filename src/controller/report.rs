//! Writing the status of a release, and telling as events what is new in it.

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::api::{Patch, PatchParams};
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tracing::{debug, warn};

use super::cache::Unreadable;
use super::events::{Happening, happenings};
use super::live::shed;
use super::lock;
use super::observe::Observed;
use super::ownership::FIELD_MANAGER;
use super::reconcile::{Context, Error};
use super::status::{self, Verdict, status};
use super::watches::{Stub, stub};
use crate::api::{ElixirRelease, ElixirReleaseStatus};
use crate::operator::events::EventType;

/// Writes the status if it differs and tells as events what is new in it.
pub async fn report(observed: &Observed, verdict: &Verdict<'_>, context: &Context) -> Result<(), Error> {
    let release = &*observed.release;
    let after = status(observed, verdict, jiff::Timestamp::now());
    let before = release.status.clone().unwrap_or_default();
    if before == after {
        return Ok(());
    }
    let mut written: ElixirRelease = match write_status(release, [&before, &after], context).await {
        Ok(Some(written)) => written,
        Ok(None) => return Ok(()),
        Err(error) => return Err(error),
    };
    shed(&mut written.metadata);
    let concerned = lock(&context.cache).releases.put_written(written);
    context.queue.push(concerned);
    if before.current_revision.is_some() && before.current_revision != after.current_revision {
        // The one that ran before need not be kept any longer.
        context.queue.push([observed.key.clone()]);
    }
    debug!("status written");
    tell(&release.object_ref(&()), happenings(&before, &after), context).await;
    Ok(())
}

/// Tells of a release whose stored object cannot be read. The event goes first: where the API server would not take a
/// status for such an object, it is all that there is.
pub async fn report_unreadable(release: &Unreadable, context: &Context) -> Result<(), Error> {
    let after = status::unreadable(release, jiff::Timestamp::now());
    let before = release.status.clone().unwrap_or_default();
    if before == after || release.metadata.deletion_timestamp.is_some() {
        return Ok(());
    }
    let stub = stub(&release.metadata);
    tell(&stub.object_ref(&()), happenings(&before, &after), context).await;
    // The answer comes by the watch as well, and there is nothing to be done about it before.
    write_status::<Stub>(&stub, [&before, &after], context).await.map(drop)
}

/// Tells as events what happened to a release.
pub async fn tell(regarding: &ObjectReference, happenings: impl IntoIterator<Item = Happening>, context: &Context) {
    for happening in happenings {
        let kind = if happening.is_warning { EventType::Warning } else { EventType::Normal };
        if happening.is_warning {
            warn!(reason = happening.reason, "{}", happening.note);
        }
        context.events.publish(regarding, kind, &happening.reason, happening.action, happening.note).await;
    }
}

/// The release as the API server has it afterwards; `None` if it is gone.
///
/// A merge patch: nobody else writes the status, and applying would have the API server take the whole release apart by its
/// schema to find out whose field is whose, which costs it three times as much.
async fn write_status<K>(
    release: &K,
    [before, after]: [&ElixirReleaseStatus; 2],
    context: &Context,
) -> Result<Option<K>, Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + std::fmt::Debug,
{
    let api = Api::<K>::namespaced(context.client.clone(), &release.namespace().unwrap_or_default());
    let patch = json!({"metadata": {"uid": release.meta().uid}, "status": replacing(json!(before), json!(after))});
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    match api.patch_status(&release.name_any(), &params, &Patch::Merge(&patch)).await {
        Ok(written) => Ok(Some(written)),
        Err(kube::Error::Api(gone)) if gone.is_not_found() => Ok(None),
        Err(error) => Err(Error::Status(error)),
    }
}

/// What makes `after` of `before` as a [merge patch](https://www.rfc-editor.org/rfc/rfc7386): all of it, so that whatever
/// is stored becomes this, and null for what is to go.
fn replacing(before: Value, after: Value) -> Value {
    match (before, after) {
        (Value::Object(before), Value::Object(mut after)) => {
            for (key, old) in before {
                let new = after.remove(&key).unwrap_or_default();
                after.insert(key, replacing(old, new));
            }
            Value::Object(after)
        }
        (_, after) => after,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_and_is_not_any_more_is_removed() {
        let before =
            json!({"replicas": 3, "rollout": {"phase": "Progressing", "message": "waits"}, "cluster": {"name": "a"}});
        let after = json!({"replicas": 3, "rollout": {"phase": "Complete"}, "selector": "a=b"});
        let patch = json!({
            "replicas": 3, "rollout": {"phase": "Complete", "message": null}, "cluster": null, "selector": "a=b",
        });
        assert_eq!(replacing(before, after), patch);
    }
}
