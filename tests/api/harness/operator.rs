//! A process of the operator.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use super::eventually;

/// How a process is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it finds the API server.
    pub kubeconfig: PathBuf,
    /// Arguments after `run`, addresses apart.
    pub arguments: Vec<String>,
    /// The environment, beside the kubeconfig.
    pub environment: Vec<(&'static str, String)>,
}

/// A process of the operator. It is killed with the value.
pub struct Operator {
    process: Child,
    address: String,
    log: PathBuf,
}

impl Operator {
    /// Starts a process.
    pub fn start(options: &Options) -> Self {
        let address = format!("127.0.0.1:{}", free_port());
        let log = scratch(&format!("operator-{}.log", address.replace(':', "-")));
        let process = Command::new(env!("CARGO_BIN_EXE_beam-operator"))
            .arg("run")
            .args(["--metrics-address", &address, "--health-address", &address])
            .args(&options.arguments)
            .env_clear()
            .env("KUBECONFIG", &options.kubeconfig)
            .envs(options.environment.iter().cloned())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Self { process, address, log }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Where its endpoints are.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What it answers at a path of its endpoints.
    pub async fn get(&self, path: &str) -> Result<(u16, String), String> {
        let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
        let uri = self.url(path).parse().unwrap();
        let answer = client.get(uri).await.map_err(|error| error.to_string())?;
        let status = answer.status().as_u16();
        let body = to_bytes(Body::new(answer.into_body()), usize::MAX).await.map_err(|error| error.to_string())?;
        Ok((status, String::from_utf8(body.to_vec()).unwrap()))
    }

    /// The sum of the samples of its metrics whose line begins with this.
    pub async fn metric(&self, prefix: &str) -> f64 {
        let (_, text) = self.get("/metrics").await.unwrap();
        let samples = text.lines().filter(|line| line.starts_with(prefix));
        samples.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum()
    }

    /// Waits until `/readyz` says yes.
    pub async fn ready(&mut self) {
        eventually("the operator is ready", async || {
            if let Some(status) = self.process.try_wait().unwrap() {
                panic!("the operator has ended with {status}:\n{}", self.log());
            }
            match self.get("/readyz").await? {
                (200, _) => Ok(()),
                (status, why) => Err(format!("{status} {why}")),
            }
        })
        .await;
    }

    /// Ends it as the kernel does when memory runs out.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        let status = Command::new("kill").arg("-TERM").arg(self.pid().to_string()).status().unwrap();
        assert!(status.success());
    }

    /// Waits until it has ended, and returns how and how long after the call.
    pub async fn ended(&mut self) -> (ExitStatus, Duration) {
        let called = Instant::now();
        let status = eventually("the operator has ended", async || {
            self.process.try_wait().unwrap().ok_or_else(|| "it runs".to_owned())
        })
        .await;
        (status, called.elapsed())
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        // One that has ended already cannot be killed, which is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            eprintln!("the log of the operator, {}:\n{}", self.log.display(), self.log());
        }
    }
}

/// A file that is no part of the checkout.
pub fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// A port for a process to listen on, that nobody takes before the process does: the kernel gives none of these to the
/// connections of all the other tests, and this process gives each one only once. Where to begin is left to its id, for
/// the sake of somebody who runs these tests a second time beside it.
fn free_port() -> u16 {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    let begin = u16::try_from(std::process::id() * 499 % u32::from(COUNT)).unwrap();
    loop {
        let port = FIRST + (begin + GIVEN.fetch_add(1, Ordering::Relaxed)) % COUNT;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
