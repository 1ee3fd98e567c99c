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
    let valid = validate(&release, &[], References::Unknown, &Facts::default(), now()).unwrap();
    assert_eq!(valid.warnings, []);
}

#[rstest]
#[case::empty(
    "envFrom: [{secretRef: {name: ''}}]",
    "spec.envFrom[0].secretRef.name: is empty: name a Secret, or remove the reference"
)]
#[case::empty_and_optional(
    "envFrom: [{configMapRef: {name: '', optional: true}}]",
    "spec.envFrom[0].configMapRef.name: is empty: name a ConfigMap, or remove the reference"
)]
#[case::volume(
    "volumes: [{name: v, secret: {}}]",
    "spec.volumes[0].secret.secretName: is empty: name a Secret, or remove the reference"
)]
#[case::of_a_template(
    "podTemplate: {spec: {containers: [{name: release, envFrom: [{secretRef: {}}]}]}}",
    "spec.podTemplate.spec.containers[0].envFrom[0].secretRef.name: is empty: name a Secret, or remove the reference"
)]
#[case::of_a_query(
    "env: [{name: A, valueFrom: {secretKeyRef: {name: 'a?x', key: k}}}]",
    "spec.env[0].valueFrom.secretKeyRef.name: is not a name that a Secret can have: lower-case letters, digits, dashes and dots"
)]
#[case::once_for_all_files(
    "volumes: [{name: v, configMap: {name: a/b, items: [{key: a, path: a}, {key: b, path: b}]}}]",
    "spec.volumes[0].configMap.name: is not a name that a ConfigMap can have: lower-case letters, digits, dashes and dots"
)]
#[case::projected(
    "volumes: [{name: v, projected: {sources: [{secret: {name: A}}]}}]",
    "spec.volumes[0].projected.sources[0].secret.name: is not a name that a Secret can have: lower-case letters, digits, dashes and dots"
)]
#[case::cookie(
    "cluster: {cookie: {secretKeyRef: {name: shop cookie}}}",
    "spec.cluster.cookie.secretKeyRef.name: is not a name that a Secret can have: lower-case letters, digits, dashes and dots"
)]
fn a_name_that_no_object_can_have(#[case] spec: &str, #[case] expected: &str) {
    let release = fixture::release(spec);
    for references in
        [References::Read(&Contents::new()), References::ReadInPart(&Contents::new()), References::Unknown]
    {
        let problems = validate(&release, &[&release], references, &Facts::default(), now()).unwrap_err();
        assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), [expected], "{references:?}");
    }
}

#[test]
fn nothing_is_said_of_an_object_that_could_not_be_read() {
    let mut contents = contents();
    contents.remove(&secret("shop-env"));
    let release = valid();
    assert!(validate(&release, &[&release], References::ReadInPart(&contents), &Facts::default(), now()).is_ok());
    contents.insert(secret("shop-cookie"), content(&["token"]));
    let problems =
        validate(&release, &[&release], References::ReadInPart(&contents), &Facts::default(), now()).unwrap_err();
    assert_eq!(problems[0].field, "spec.cluster.cookie.secretKeyRef", "what was read is judged");
}

/// The operator makes it, but only for a release that is valid.
#[rstest]
#[case::sidecar(
    "podTemplate: {spec: {containers: [{name: log, image: i, env: [{name: C, valueFrom: {secretKeyRef: {name: shop-cookie, key: cookie}}}]}]}}"
)]
#[case::variable(
    "env: [{name: C, valueFrom: {secretKeyRef: {name: shop-cookie, key: cookie}}}, {name: D, value: $(C)}]"
)]
#[case::all_keys("{envFrom: [{secretRef: {name: shop-cookie}}], env: [{name: C, value: $(cookie)}]}")]
#[case::file("volumes: [{name: v, secret: {secretName: shop-cookie, items: [{key: cookie, path: cookie}]}}]")]
#[case::of_the_cluster(
    "{cluster: {name: market}, env: [{name: C, valueFrom: {secretKeyRef: {name: market-cookie, key: cookie}}}]}"
)]
fn the_cookie_of_the_operator_is_there(#[case] spec: &str) {
    let verdict = judge(&fixture::release(spec), &Contents::new());
    assert_eq!(verdict.map(|valid| valid.warnings), Ok(Vec::new()));
}

#[rstest]
#[case::another_key(
    "env: [{name: C, valueFrom: {secretKeyRef: {name: shop-cookie, key: token}}}]",
    "spec.env[0].valueFrom.secretKeyRef: Secret shop-cookie has no key token: add it, or name one that it has"
)]
#[case::of_lone_nodes(
    "{cluster: {distribution: Disabled}, env: [{name: C, valueFrom: {secretKeyRef: {name: shop-cookie, key: cookie}}}]}",
    "spec.env[0].valueFrom.secretKeyRef: Secret shop-cookie does not exist in namespace store: create it, or mark the reference as optional"
)]
#[case::of_another_cluster(
    "env: [{name: C, valueFrom: {secretKeyRef: {name: web-cookie, key: cookie}}}]",
    "spec.env[0].valueFrom.secretKeyRef: Secret web-cookie does not exist in namespace store: create it, or mark the reference as optional"
)]
fn another_cookie_is_not(#[case] spec: &str, #[case] expected: &str) {
    assert_eq!(judge(&fixture::release(spec), &Contents::new()).unwrap_err(), [expected]);
}

#[rstest]
#[case::variable(
    "env: [{name: A, valueFrom: {configMapKeyRef: {name: it, key: logo}}}]",
    Err(
        "spec.env[0].valueFrom.configMapKeyRef: ConfigMap it has the key logo in its binaryData, of which no variable can be made: move it to data, or mount it as a file"
    )
)]
#[case::file("volumes: [{name: v, configMap: {name: it, items: [{key: logo, path: logo}]}}]", Ok(()))]
fn binary_data_is_for_files(#[case] spec: &str, #[case] expected: Result<(), &str>) {
    let reference = Reference { kind: ReferenceKind::ConfigMap, name: "it".to_owned() };
    let content = Content { file_keys: ["logo".to_owned()].into(), ..Content::default() };
    let verdict = judge(&fixture::release(spec), &[(reference, content)].into());
    assert_eq!(verdict.map(drop), expected.map_err(|problem| vec![problem.to_owned()]));
}
