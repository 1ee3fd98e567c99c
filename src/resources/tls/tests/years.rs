//! When what is made anew, and that nodes can meet at every moment of it.

use super::*;

fn lifetimes() -> Lifetimes {
    Lifetimes::default()
}

const fn own(end: Timestamp) -> Leaf {
    Leaf { end, is_of_authority: true }
}

const fn other(end: Timestamp) -> Leaf {
    Leaf { end, is_of_authority: false }
}

fn at_rest() -> Found {
    let end = now() + DAY * 90;
    let authority = Some(now() + DAY * 3650);
    Found {
        authority,
        operator: Some(own(end)),
        nodes: Some(own(end)),
        is_trusted: true,
        again: Some(now() + DAY * 60),
    }
}

#[rstest]
#[case::at_rest(at_rest(), 0, "")]
#[case::just_before(at_rest(), 59, "")]
#[case::a_third_is_left(at_rest(), 60, "operator nodes")]
#[case::ended(at_rest(), 100, "operator nodes")]
#[case::nothing(Found::default(), 0, "authority operator nodes")]
#[case::no_nodes(Found { nodes: None, is_trusted: false, again: None, ..at_rest() }, 0, "nodes")]
#[case::no_operator(Found { operator: None, ..at_rest() }, 0, "operator")]
#[case::no_authority(Found { authority: None, operator: None, nodes: Some(other(now() + DAY * 90)), ..at_rest() }, 0, "authority operator")]
#[case::old_authority(Found { authority: Some(now() + DAY * 1217), ..at_rest() }, 1, "authority")]
#[case::not_so_old_authority(Found { authority: Some(now() + DAY * 1218), ..at_rest() }, 1, "")]
#[case::new_authority(Found { operator: Some(other(now() + DAY * 50)), nodes: Some(other(now() + DAY * 50)), again: Some(now() + DAY), ..at_rest() }, 0, "")]
#[case::new_authority_that_nodes_know(
    Found { operator: Some(other(now() + DAY * 50)), nodes: Some(other(now() + DAY * 50)), again: Some(now() + DAY), ..at_rest() },
    1,
    "operator nodes"
)]
#[case::new_authority_that_nodes_do_not_know(
    Found { operator: Some(other(now() + DAY * 50)), nodes: Some(other(now() + DAY * 50)), is_trusted: false, ..at_rest() },
    1,
    ""
)]
#[case::an_old_certificate_ends_first(
    Found { operator: Some(other(now() + DAY)), nodes: Some(other(now() + DAY)), is_trusted: false, ..at_rest() },
    1,
    "operator nodes"
)]
#[case::crashed_before_the_operator(Found { operator: Some(other(now() + DAY * 50)), ..at_rest() }, 0, "operator")]
fn when_what_is_due(#[case] found: Found, #[case] days: i32, #[case] expected: &str) {
    let Due { authority, operator, nodes } = due(&found, &lifetimes(), now() + DAY * days);
    let words = [("authority", authority), ("operator", operator), ("nodes", nodes)];
    let due: Vec<_> = words.into_iter().filter(|(_, due)| *due).map(|(word, _)| word).collect();
    assert_eq!(due.join(" "), expected);
}

/// The Secrets of a cluster, and somebody who may end the operator or delete one of them.
#[derive(Default)]
struct World {
    secrets: BTreeMap<String, Value>,
    now: Timestamp,
}

impl World {
    fn stored(&self, name: &str) -> Option<Stored> {
        let secret: Secret = serde_json::from_value(self.secrets.get(name)?.clone()).unwrap();
        Some(secret.into())
    }

    /// Keeps them once, of which only so many writes succeed; the number of writes that were wanted.
    fn keep(&mut self, writes: usize) -> usize {
        let release = fixture::release("cluster: {tls: {mode: Managed}}");
        let pair = Pair { authority: self.stored("shop-distribution-ca"), nodes: self.stored("shop-distribution-tls") };
        let wanted = keep(&[&release], &pair, &lifetimes(), self.now).unwrap();
        let wanted: Vec<Write> = wanted.authority.into_iter().chain(wanted.nodes).collect();
        for write in wanted.iter().take(writes) {
            let mut posted = json!(write.for_post().as_ref());
            if let Some(known) = self.secrets.get(&write.name) {
                let mut data = known["data"].clone();
                data.as_object_mut().unwrap().extend(posted["data"].as_object().unwrap().clone());
                posted["data"] = data;
            }
            self.secrets.insert(write.name.clone(), posted);
        }
        wanted.len()
    }

    /// What the operator has noted: when it will look again, and which authorities a Secret holds.
    fn noted(&self, name: &str) -> Option<(Timestamp, String)> {
        let annotations = &self.secrets.get(name)?["metadata"]["annotations"];
        let text = |key: &str| annotations[key].as_str().unwrap().to_owned();
        Some((text(labels::RENEW_AT).parse().unwrap(), text(labels::AUTHORITIES)))
    }

    /// Whether the plan would have the Secrets looked at.
    fn is_due(&self) -> bool {
        let noted = ["shop-distribution-ca", "shop-distribution-tls"].map(|name| self.noted(name));
        let [Some((one, trusted)), Some((two, known))] = noted else { return true };
        self.now >= one || self.now >= two || trusted != known
    }

    fn value(&self, secret: &str, key: &str) -> String {
        let value: ByteString = serde_json::from_value(self.secrets[secret]["data"][key].clone()).unwrap();
        String::from_utf8(value.0).unwrap()
    }

    fn shown(&self) -> (String, String) {
        let of = |key| self.value("shop-distribution-tls", key);
        (of(CERTIFICATE), of(AUTHORITIES))
    }
}

/// Whether a node with these files takes one that shows this.
fn takes((_, trusted): &(String, String), (shown, _): &(String, String), now: Timestamp) -> bool {
    let is_valid = Certificate::of(shown).is_some_and(|it| it.not_before <= now && now < it.not_after);
    is_valid && certificate::each(trusted).any(|authority| certificate::is_issued_by(shown, authority))
}

#[test]
fn what_is_made_first() {
    let mut world = World { now: now(), ..World::default() };
    assert_eq!(world.keep(2), 2);
    assert!(!world.is_due());
    assert_eq!(world.keep(2), 0, "nothing is written twice");

    let keys = |secret: &str| world.secrets[secret]["data"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys("shop-distribution-ca"), ["ca.crt", "ca.key", "tls.crt", "tls.key"]);
    assert_eq!(keys("shop-distribution-tls"), ["ca.crt", "tls.crt", "tls.key"], "no key of the authority");
    assert_eq!(world.secrets["shop-distribution-tls"]["type"], "kubernetes.io/tls");
    assert_eq!(world.noted("shop-distribution-tls").unwrap().0, now() + DAY * 60);
    assert_eq!(world.noted("shop-distribution-ca").unwrap().0, now() + DAY * 60);
    let mut metadata = world.secrets["shop-distribution-tls"]["metadata"].clone();
    metadata["annotations"][labels::AUTHORITIES] = "(digest)".into();
    insta::assert_yaml_snapshot!(metadata);
}

#[test]
fn a_lost_secret_of_the_nodes_is_issued_by_the_same_authority() {
    let mut world = World { now: now(), ..World::default() };
    world.keep(2);
    let before = world.shown();
    world.secrets.remove("shop-distribution-tls");
    assert!(world.is_due());
    assert_eq!(world.keep(2), 1);

    let after = world.shown();
    assert_ne!(before.0, after.0);
    assert!(takes(&before, &after, now()) && takes(&after, &before, now()));
}

#[test]
fn a_lost_authority_is_followed_by_one_that_nodes_trust_first() {
    let mut world = World { now: now(), ..World::default() };
    world.keep(2);
    let before = world.shown();
    world.secrets.remove("shop-distribution-ca");
    world.keep(2);

    let meanwhile = world.shown();
    assert_eq!(before.0, meanwhile.0, "nobody trusts the new authority yet");
    assert_eq!(certificate::each(&meanwhile.1).count(), 2);
    assert_eq!(world.value("shop-distribution-ca", AUTHORITIES), meanwhile.1);
    assert!(!world.is_due());
    world.now = now() + SignedDuration::from_hours(1);
    assert!(world.is_due());
    world.keep(2);
    let after = world.shown();
    assert!(takes(&meanwhile, &after, world.now) && takes(&after, &meanwhile, world.now));
    assert!(!takes(&before, &after, world.now));
    assert!(!world.is_due());
}

/// Whoever wants to be rid of an authority deletes both Secrets.
#[test]
fn without_both_secrets_nothing_of_the_old_authority_is_left() {
    let mut world = World { now: now(), ..World::default() };
    world.keep(2);
    let before = world.shown();
    world.secrets.clear();
    world.keep(2);
    let after = world.shown();
    assert!(!takes(&before, &after, now()) && !takes(&after, &before, now()));
}

#[test]
fn what_is_damaged_is_made_anew() {
    for (secret, key) in
        [("tls", CERTIFICATE), ("tls", PRIVATE_KEY), ("ca", CERTIFICATE), ("ca", PRIVATE_KEY), ("ca", AUTHORITY_KEY)]
    {
        let mut world = World { now: now(), ..World::default() };
        world.keep(2);
        let before = world.shown();
        let name = format!("shop-distribution-{secret}");
        world.secrets.get_mut(&name).unwrap()["data"][key] = json!(ByteString(b"damaged".to_vec()));
        assert!(world.keep(2) > 0, "{secret} {key}");
        assert_eq!(world.keep(2), 0, "{secret} {key}");
        assert!(takes(&before, &world.shown(), now()) || key == AUTHORITY_KEY, "{secret} {key}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Over 15 years, whatever time the operator is away and however often it ends between two writes: what a node shows
    /// now is taken by one that has read its files an hour ago, and the other way round, as long as the operator looked
    /// when it was due.
    #[test]
    fn nodes_can_always_meet(ends in proptest::collection::vec(any::<bool>(), 200)) {
        let mut world = World { now: now(), ..World::default() };
        world.keep(2);
        let mut ends = ends.into_iter();
        let mut renewals = 0;
        while world.now < now() + DAY * 365 * 15 {
            let next = [world.noted("shop-distribution-ca"), world.noted("shop-distribution-tls")];
            let next = next.into_iter().flatten().map(|(at, _)| at).min().unwrap();
            prop_assert!(next > world.now, "time passes");
            world.now = next;
            let before = world.shown();
            while world.is_due() {
                let writes = if ends.next().unwrap_or_default() { 1 } else { 2 };
                world.keep(writes);
            }
            renewals += 1;
            let after = world.shown();
            prop_assert!(takes(&before, &after, world.now), "an old node takes a new one");
            prop_assert!(takes(&after, &before, world.now), "a new node takes an old one");
            prop_assert!(certificate::each(&after.1).count() <= 3);
        }
        prop_assert!(renewals > 80, "{renewals}");
    }
}
