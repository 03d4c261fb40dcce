//! Writers are killed at random moments; the workspace stays whole and keeps what was acknowledged.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use guideway_store::{DoctorOptions, Store};

use crate::support::{Outcome, freeze, ingest, number, samples};

const ROOT: &str = "GUIDEWAY_STORE_TEST_WRITER";
const KILLS: u64 = 8;
const FRAMES: i64 = 20;

/// Not a test of its own: the process that is killed.
#[tokio::test(flavor = "multi_thread")]
async fn writer() -> Outcome {
    let Some(root) = std::env::var_os(ROOT) else {
        return Ok(());
    };
    let store = Store::open(root).await?;
    let first = number(&store, "SELECT count(*) FROM recordings").await?;
    for recording in first.. {
        ingest(&store, recording, FRAMES).await?;
        acknowledge(&format!("recording {recording}"))?;
        if recording % 3 == 0 {
            let name = format!("set-{recording}");
            freeze(&store, &name, samples(recording, FRAMES, "train")).await?;
            acknowledge(&format!("dataset {name}"))?;
        }
        // Replacing is as atomic as adding.
        ingest(&store, recording / 2, FRAMES).await?;
    }
    Ok(())
}

fn acknowledge(what: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\nack {what}")?;
    out.flush()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_writer_loses_nothing_that_was_acknowledged() -> Outcome {
    let dir = tempfile::tempdir()?;
    let root = dir.path().join("data");
    drop(Store::init(&root).await?);
    let mut random = 20_260_101_u64;
    let mut recordings = 0;
    let mut datasets = Vec::new();
    for _ in 0..KILLS {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--exact", "kill::writer", "--nocapture", "--test-threads", "1"])
            .env(ROOT, &root)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let out = child.stdout.take().ok_or("no stdout")?;
        let acks = std::thread::spawn(move || {
            let lines = BufReader::new(out).lines().map_while(Result::ok);
            lines
                .filter_map(|line| line.strip_prefix("ack ").map(str::to_owned))
                .collect::<Vec<_>>()
        });
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        tokio::time::sleep(Duration::from_millis(250 + (random >> 33) % 900)).await;
        // SIGKILL: nothing of the writer's own runs any more.
        child.kill()?;
        let status = child.wait()?;
        assert!(!status.success(), "the writer ended by itself: {status}");
        for ack in acks.join().map_err(|_panic| "the reader panicked")? {
            match ack.split_once(' ') {
                Some(("recording", number)) => recordings = recordings.max(number.parse::<i64>()? + 1),
                Some(("dataset", name)) => datasets.push(name.to_owned()),
                _ => return Err(format!("what is `{ack}`?").into()),
            }
        }

        let store = Store::open(&root).await?;
        let report = store.doctor(DoctorOptions { deep: true }).await?;
        let wrong: Vec<_> = report
            .checks
            .iter()
            .filter(|check| check.status != guideway_store::Status::Ok)
            .collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
        let there = number(&store, "SELECT count(*) FROM recordings").await?;
        assert!(
            there == recordings || there == recordings + 1,
            "{there} recordings, {recordings} acknowledged"
        );
        recordings = there;
        assert_eq!(number(&store, "SELECT count(*) FROM frames").await?, there * FRAMES);
        assert_eq!(number(&store, "SELECT count(*) FROM labels").await?, there * FRAMES * 2);
        for name in &datasets {
            assert_eq!(store.dataset(name).await?.len(), FRAMES.unsigned_abs());
        }
    }
    assert!(recordings > 0, "the writers were killed before they wrote anything");
    Ok(())
}
