//! ConfigMaps and Secrets that are referred to.

use super::*;

#[rstest]
#[case::no_cookie_secret(
    |c: &mut Contents| drop(c.remove(&secret("shop-cookie"))),
    "spec.cluster.cookie.secretKeyRef: Secret shop-cookie does not exist in namespace store: create it, or remove secretKeyRef to have a cookie made"
)]
#[case::no_cookie_key(
    |c: &mut Contents| drop(c.insert(secret("shop-cookie"), content(&["token"]))),
    "spec.cluster.cookie.secretKeyRef: Secret shop-cookie has no key cookie: add it, or name one that it has"
)]
#[case::empty_cookie(
    |c: &mut Contents| flawed(c, CookieFlaw::Empty),
    "spec.cluster.cookie.secretKeyRef: key cookie of Secret shop-cookie is empty: write the cookie into it"
)]
#[case::cookie_with_a_line_break(
    |c: &mut Contents| flawed(c, CookieFlaw::Character),
    "spec.cluster.cookie.secretKeyRef: key cookie of Secret shop-cookie has a character that is not printable ASCII: remove it (`echo` appends a newline, `printf %s` does not)"
)]
#[case::cookie_too_long(
    |c: &mut Contents| flawed(c, CookieFlaw::TooLong),
    "spec.cluster.cookie.secretKeyRef: key cookie of Secret shop-cookie has more than 255 characters, which no atom can have: shorten it"
)]
#[case::cookie_like_a_flag(
    |c: &mut Contents| flawed(c, CookieFlaw::LooksLikeFlag),
    "spec.cluster.cookie.secretKeyRef: key cookie of Secret shop-cookie starts with - or +, so that the VM would read it as a flag: choose another"
)]
#[case::no_key(
    |c: &mut Contents| drop(c.insert(secret("shop-env"), content(&[]))),
    "spec.env[1].valueFrom.secretKeyRef: Secret shop-env has no key admin: add it, or name one that it has"
)]
fn objects_referred_to(#[case] breaks: fn(&mut Contents), #[case] expected: &str) {
    let mut contents = contents();
    breaks(&mut contents);
    assert_eq!(judge(&valid(), &contents).unwrap_err(), [expected]);
}

fn flawed(contents: &mut Contents, flaw: CookieFlaw) {
    contents.get_mut(&secret("shop-cookie")).unwrap().cookie_flaws.insert("cookie".to_owned(), flaw);
}

#[test]
fn a_missing_object_is_told_wherever_it_is_read() {
    let mut contents = contents();
    contents.remove(&secret("shop-env"));
    let message = "Secret shop-env does not exist in namespace store: create it, or mark the reference as optional";

    let fields = ["spec.envFrom[0].secretRef", "spec.env[1].valueFrom.secretKeyRef"];
    assert_eq!(judge(&valid(), &contents).unwrap_err(), fields.map(|field| format!("{field}: {message}")));
}

#[test]
fn optional_objects_may_be_missing() {
    let mut release = valid();
    release.spec.env_from = yaml("[{secretRef: {name: later, optional: true}}]");
    assert!(judge(&release, &contents()).is_ok());
}

#[test]
fn the_cookie_of_lone_nodes_is_not_looked_for() {
    let mut release = valid();
    release.spec.cluster.distribution = crate::api::Distribution::Disabled;
    let mut contents = contents();
    contents.remove(&secret("shop-cookie"));
    assert!(judge(&release, &contents).is_ok());
}

#[test]
fn offline_nothing_is_said_of_objects_that_nobody_read() {
    let mut release = valid();
    release.spec.env = yaml("[{name: URL, value: 'http://$(HOST_OF_SECRET)'}]");
    let valid = validate(&release, &[], References::Unknown, &Facts::default()).unwrap();
    assert_eq!(valid.warnings, []);
}
