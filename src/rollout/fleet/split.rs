//! The weights of an HTTPRoute: what they are, and the patch that makes them what they are to be.
//!
//! A rule concerns a release if it has a backendRef to its traffic Service. During a canary the operator has one to the
//! Service for previews beside it. That one is the operator's: it is made, and taken out in the end. Of the user's own only
//! the weight is touched, and gets back what it was:
//!
//! | the release is | whole weight | split as |
//! |---|---|---|
//! | alone in the rule, where a weight says nothing | `w` | a hundred times `w`, so that what is there tells what `w` was |
//! | beside other backends | `w`, 50 at least | `w`, so that they keep their share |
//!
//! The patch begins with the version that was seen: on any other it does nothing.

use serde_json::{Value, json};

use crate::controller::view::RouteView;

/// The least weight beside other backends: a hundredth of it is half of one, and is rounded to no more than one.
const LEAST: i32 = 50;

/// The largest weight of a release that is alone in a rule: a hundred times as much is the most that a backendRef takes.
const MOST: i32 = 10_000;

/// How the rules of a route that concern a release split its requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Split {
    /// The version of the route.
    version: u64,
    parts: Vec<Part>,
}

/// A rule that concerns the release.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    /// Its place among the rules.
    rule: usize,
    /// The place of the backendRef to the traffic Service.
    place: usize,
    /// Its weight.
    main: i32,
    /// The place of the one to the Service for previews, and its weight.
    preview: Option<(usize, i32)>,
    /// Whether there is no other in the rule.
    is_alone: bool,
}

impl Split {
    /// How the route splits what goes to these two Services.
    ///
    /// # Errors
    /// Why its traffic cannot be split, and what to do about it.
    pub fn of(route: &RouteView, service: &str, preview: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        for (rule, backends) in route.rules.iter().enumerate() {
            let places = |service: &str| -> Vec<usize> {
                let all = backends.iter().enumerate();
                all.filter(|(_, it)| it.service.as_deref() == Some(service)).map(|(place, _)| place).collect()
            };
            let field = format!("rules[{rule}] of HTTPRoute {}", route.name);
            let (place, preview) = match (&*places(service), &*places(preview)) {
                ([], _) => continue,
                ([place], []) => (*place, None),
                ([place], [preview]) => (*place, Some((*preview, backends[*preview].weight))),
                _ => return Err(format!("{field} has a backendRef to the same Service twice: leave one")),
            };
            let part = Part {
                rule,
                place,
                main: backends[place].weight,
                preview,
                is_alone: backends.len() == 1 + usize::from(preview.is_some()),
            };
            match part.whole() {
                // It is switched off.
                0 => {}
                whole if !part.is_alone && whole < LEAST => {
                    return Err(format!(
                        "{field} gives Service {service} the weight {whole} beside other backends, which cannot be split by \
                         percent: raise all weights of that rule, to a hundred times as much for instance"
                    ));
                }
                _ => parts.push(part),
            }
        }
        if parts.is_empty() {
            return Err(format!("no rule of HTTPRoute {} has a backendRef to Service {service}: add one", route.name));
        }
        Ok(Self { version: route.version, parts })
    }

    /// The percentage that goes to the Service for previews, of the rule of which most does.
    pub fn to_preview(&self) -> i32 {
        self.parts.iter().map(|part| percent(part.preview_weight(), part.main)).max().unwrap_or(0)
    }

    /// The percentage that goes to the traffic Service, of the rule of which most does.
    pub fn to_main(&self) -> i32 {
        self.parts.iter().map(|part| percent(part.main, part.preview_weight())).max().unwrap_or(0)
    }

    /// Whether this percentage goes to the Service for previews, in every rule.
    pub fn is_at(&self, share: i32) -> bool {
        self.parts.iter().all(|part| part.is_at(share))
    }

    /// The [JSON patch](https://www.rfc-editor.org/rfc/rfc6902) that makes it so, over exactly the version that was seen;
    /// `None` if it is so.
    pub fn patch(&self, share: i32, preview: &str) -> Option<Value> {
        let steps: Vec<_> =
            self.parts.iter().filter(|part| !part.is_at(share)).flat_map(|it| it.patch(share, preview)).collect();
        let test = json!({"op": "test", "path": "/metadata/resourceVersion", "value": self.version.to_string()});
        (!steps.is_empty()).then(|| [vec![test], steps].concat().into())
    }
}

impl Part {
    fn preview_weight(&self) -> i32 {
        self.preview.map_or(0, |(_, weight)| weight)
    }

    /// The weight that the release has in the rule while nothing is split.
    fn whole(&self) -> i32 {
        let sum = self.main.saturating_add(self.preview_weight());
        match self.preview {
            Some(_) if self.is_alone => (sum.saturating_add(50) / 100).max(1),
            _ => sum,
        }
    }

    /// The weights of the two when this percentage goes to the Service for previews.
    fn weights(&self, share: i32) -> [i32; 2] {
        let whole = self.whole();
        if self.is_alone {
            let whole = whole.min(MOST);
            return [whole * (100 - share), whole * share];
        }
        let rounded = i32::try_from((i64::from(whole) * i64::from(share) + 50) / 100).unwrap_or(i32::MAX);
        // No side is left without any, unless that is what is asked for.
        let preview = if (1..100).contains(&share) { rounded.clamp(1, whole - 1) } else { rounded };
        [whole - preview, preview]
    }

    fn is_at(&self, share: i32) -> bool {
        match (share, self.preview) {
            (0, None) => true,
            // Somebody declares it, and a tool would put it back.
            (0, Some((_, weight))) => weight == 0 && self.main > 0,
            (_, None) => false,
            (_, Some((_, weight))) => [self.main, weight] == self.weights(share),
        }
    }

    fn patch(&self, share: i32, name: &str) -> Vec<Value> {
        let refs = format!("/spec/rules/{}/backendRefs", self.rule);
        let place = self.place;
        let set =
            |place: usize, weight: i32| json!({"op": "add", "path": format!("{refs}/{place}/weight"), "value": weight});
        let [main, preview] = self.weights(share);
        match self.preview {
            Some((extra, _)) if share == 0 => {
                vec![set(place, self.whole()), json!({"op": "remove", "path": format!("{refs}/{extra}")})]
            }
            Some((extra, _)) => vec![set(place, main), set(extra, preview)],
            None => {
                let extra = place + 1;
                let (from, path) = (format!("{refs}/{place}"), format!("{refs}/{extra}"));
                vec![
                    json!({"op": "copy", "from": from, "path": path}),
                    json!({"op": "replace", "path": format!("{path}/name"), "value": name}),
                    set(place, main),
                    set(extra, preview),
                ]
            }
        }
    }
}

/// What part one weight is of both, rounded up.
fn percent(weight: i32, other: i32) -> i32 {
    let (weight, all) = (i64::from(weight), i64::from(weight) + i64::from(other));
    if all == 0 { 0 } else { i32::try_from((weight * 100 + all - 1) / all).unwrap_or(100) }
}
