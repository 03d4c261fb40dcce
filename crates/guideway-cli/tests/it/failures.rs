//! What the surroundings do to the program: files that vanish, other writers, a full stdout, workspaces of another release.

use std::process::Stdio;

use crate::errors::compare;
use crate::support::Bench;

fn check(bench: &Bench, name: &str, args: &[&str]) {
    compare(name, &args.join(" "), &bench.run(args));
}

/// Only what the doctor found wrong.
pub(crate) fn check_doctor(bench: &Bench, name: &str, args: &[&str]) {
    let mut run = bench.run(args);
    let lines: Vec<&str> = run.stdout.lines().filter(|line| !line.contains("  ok  ")).collect();
    run.stdout = lines.join("\n") + "\n";
    compare(name, &args.join(" "), &run);
}

#[test]
fn folders_that_cannot_be_made() {
    let bench = Bench::new();
    bench.write("file", "x");
    check(&bench, "init_below_a_file", &["init", "file/ws"]);
    bench.write("ws/guideway.toml", "data = \"../file/data\"\n");
    check(&bench, "init_data_below_a_file", &["init", "ws"]);
    std::fs::remove_file(bench.path("ws/guideway.toml")).unwrap();
    std::fs::create_dir(bench.path("ws/guideway.toml")).unwrap();
    check(&bench, "settings_are_a_folder", &["init", "ws"]);
}

#[test]
fn data_that_are_gone() {
    let bench = Bench::with_workspace();
    bench.drive("drive.mcap", 3);
    bench.ws(&["ingest", "drive.mcap"]);
    bench.images("squares", 2);
    bench.ws(&["ingest", "squares"]);
    std::fs::write(bench.path("drive.mcap"), "short").unwrap();
    check(&bench, "log_changed", &["-w", "ws", "log", "cat", "drive.mcap", "/gps"]);
    std::fs::remove_file(bench.path("drive.mcap")).unwrap();
    check(&bench, "log_gone", &["-w", "ws", "log", "cat", "drive.mcap", "/gps"]);
    check_doctor(&bench, "doctor_log_gone", &["-w", "ws", "doctor"]);
    std::fs::remove_file(bench.path("squares/images/train/000.png")).unwrap();
    let all = "SELECT frame_id FROM frames WHERE uri LIKE '%png'";
    check(
        &bench,
        "freeze_image_gone",
        &["-w", "ws", "dataset", "freeze", "d", "--from", all],
    );
    std::fs::remove_dir_all(bench.path("ws/data/tables/labels.lance/_versions")).unwrap();
    // The engine's own words name paths of this machine: only ours are compared.
    let query = bench.run(&["-w", "ws", "query", "SELECT count(*) FROM labels"]);
    assert_eq!(query.code, 1, "{}", query.text());
    assert!(
        query.stderr.contains("of table `labels`, which cannot be opened"),
        "{}",
        query.text()
    );
    assert!(query.stderr.contains("hint: run `guideway doctor`"), "{}", query.text());
    let doctor = bench.run(&["-w", "ws", "doctor"]);
    assert_ne!(doctor.code, 0, "{}", doctor.text());
    assert!(doctor.stdout.contains("labels"), "{}", doctor.text());
    std::fs::remove_file(bench.path("ws/data/catalog.sqlite")).unwrap();
    for rest in ["catalog.sqlite-wal", "catalog.sqlite-shm"] {
        let _may_be_gone = std::fs::remove_file(bench.path("ws/data").join(rest));
    }
    check(&bench, "catalog_gone", &["-w", "ws", "tables"]);
    check(&bench, "init_without_catalog", &["init", "ws"]);
}

#[test]
fn another_writer() {
    let bench = Bench::with_workspace();
    bench.drive("drive.mcap", 1);
    let lock = std::fs::File::options()
        .write(true)
        .open(bench.path("ws/data/.lock"))
        .unwrap();
    lock.lock().unwrap();
    std::fs::write(bench.path("ws/data/.lock"), "process 4711").unwrap();
    check(&bench, "locked", &["-w", "ws", "ingest", "drive.mcap"]);
    bench.ws(&["query", "SELECT count(*) FROM frames"]);
    drop(lock);
    bench.ws(&["ingest", "drive.mcap"]);
}

#[test]
fn workspaces_of_a_newer_release() {
    let bench = Bench::with_images();
    // What a later release would have written, in place: the same number of bytes.
    let stamp = |from: &str, to: &str| {
        let path = bench.path("ws/data/catalog.sqlite");
        let (from, to) = (format!("format_version{from}"), format!("format_version{to}"));
        let mut bytes = std::fs::read(&path).unwrap();
        let places: Vec<usize> = (0..bytes.len() - from.len())
            .filter(|place| bytes[*place..].starts_with(from.as_bytes()))
            .collect();
        assert!(!places.is_empty(), "the catalog holds its version as text");
        for place in places {
            bytes[place..place + to.len()].copy_from_slice(to.as_bytes());
        }
        std::fs::write(&path, bytes).unwrap();
    };
    stamp("1.3", "1.7");
    bench.ws(&["query", "SELECT count(*) FROM frames"]);
    bench.images("more", 1);
    check(&bench, "newer_minor_format", &["-w", "ws", "ingest", "more"]);
    stamp("1.7", "9.0");
    check(&bench, "newer_major_format", &["-w", "ws", "tables"]);
    stamp("9.0", "one");
    check(&bench, "no_format", &["-w", "ws", "tables"]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_stdout() {
    let bench = Bench::with_images();
    for (name, args) in [
        ("stdout_full", vec!["-w", "ws", "log", "ls"]),
        (
            "stdout_full_query",
            vec!["-w", "ws", "--output-format", "csv", "query", "SELECT * FROM labels"],
        ),
    ] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let output = bench
            .command(&args)
            .stdout(full)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
            .wait_with_output()
            .unwrap();
        compare(name, &format!("{} > /dev/full", args.join(" ")), &bench.finish(output));
    }
}

/// No file may grow: to the program the same as a full disk.
#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_takes_no_more() {
    let bench = Bench::with_images();
    let all = "SELECT frame_id FROM frames";
    bench.ws(&["dataset", "freeze", "d", "--from", all]);
    bench.images("more", 3);
    let full = |args: &[&str]| {
        let output = bench.after("trap '' XFSZ; ulimit -f 0", args).output().unwrap();
        bench.finish(output)
    };
    for (name, args) in [
        ("disk_full_init", vec!["init", "other"]),
        (
            "disk_full_export",
            vec!["-w", "ws", "dataset", "export", "d", "--to", "yolo", "out"],
        ),
        (
            "disk_full_preview",
            vec![
                "world",
                "preview",
                "--scenes",
                "1",
                "--rig",
                "default",
                "--out",
                "sheet.png",
            ],
        ),
        (
            "disk_full_record",
            vec!["world", "record", "--drives", "1", "--seconds", "0.1", "--out", "logs"],
        ),
    ] {
        compare(name, &format!("{} (on a full disk)", args.join(" ")), &full(&args));
    }
    // The engine's own words name paths of this machine: only ours are compared.
    for args in [
        vec!["-w", "ws", "ingest", "more"],
        vec!["-w", "ws", "dataset", "freeze", "e", "--from", all],
    ] {
        let run = full(&args);
        assert_eq!(run.code, 1, "{}", run.text());
        assert!(run.stderr.contains("hint: "), "{}", run.text());
    }
    bench.ws(&["doctor", "--deep"]);
    // With room again, the same commands do what they say.
    bench.ws(&["ingest", "more"]);
    bench.ws(&["dataset", "freeze", "e", "--from", all]);
}
