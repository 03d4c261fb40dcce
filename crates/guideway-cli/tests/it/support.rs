//! A workspace in a temporary folder, small data to put into it, and the program run on it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use guideway_ingest::testing::{DriveOptions, drive};
use image::{Rgb, RgbImage};

/// A network small enough to be trained in a test.
pub(crate) const TINY: &str = "\
[model]
input_width = 64
input_height = 64
width = 8
neck = 8
depth = 1
strides = [8, 16]

[train]
epochs = 3
batch = 4
seed = 5
";

/// A temporary folder with a workspace `ws` in it.
pub(crate) struct Bench {
    dir: tempfile::TempDir,
}

/// What a run of the program gave.
pub(crate) struct Run {
    pub(crate) code: i32,
    /// With paths and ids replaced.
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    raw: String,
}

impl Run {
    /// For snapshots: the exit code and both streams.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("exit code: {}\n", self.code);
        for (name, stream) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !stream.is_empty() {
                write!(text, "----- {name} -----\n{stream}").unwrap();
            }
        }
        text
    }

    /// Stdout as JSON, with nothing replaced.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.raw).unwrap_or_else(|err| panic!("{err}: {}", self.text()))
    }
}

impl Bench {
    /// An empty folder.
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    /// With a workspace.
    pub(crate) fn with_workspace() -> Self {
        let bench = Self::new();
        bench.ok(&["init", "ws"]);
        bench
    }

    /// With a workspace that holds twelve images.
    pub(crate) fn with_images() -> Self {
        let bench = Self::with_workspace();
        bench.images("squares", 12);
        bench.ok(&["-w", "ws", "ingest", "squares"]);
        bench
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_guideway"));
        command.args(args);
        self.at_home(command)
    }

    /// The program as a shell starts it after `before`.
    pub(crate) fn after(&self, before: &str, args: &[&str]) -> Command {
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(format!("{before}; exec \"$0\" \"$@\""));
        command.arg(env!("CARGO_BIN_EXE_guideway")).args(args);
        self.at_home(command)
    }

    fn at_home(&self, mut command: Command) -> Command {
        command.current_dir(self.dir.path()).env_clear();
        command
            .env("HOME", self.dir.path())
            .env("USER", "tester")
            .env("PATH", "/usr/bin:/bin");
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Run {
        self.finish(self.command(args).output().unwrap())
    }

    /// What a run of the program gave, from what it left behind.
    pub(crate) fn finish(&self, output: Output) -> Run {
        let clean = |bytes: Vec<u8>| redact(&String::from_utf8(bytes).unwrap(), self.dir.path());
        Run {
            raw: String::from_utf8_lossy(&output.stdout).into_owned(),
            code: output.status.code().unwrap_or(-1),
            stdout: clean(output.stdout),
            stderr: clean(output.stderr),
        }
    }

    /// Runs, and wants exit code 0.
    pub(crate) fn ok(&self, args: &[&str]) -> Run {
        let run = self.run(args);
        assert_eq!(run.code, 0, "guideway {}\n{}", args.join(" "), run.text());
        run
    }

    /// Runs in the workspace, and wants exit code 0.
    pub(crate) fn ws(&self, args: &[&str]) -> Run {
        self.ok(&[&["-w", "ws"], args].concat())
    }

    /// Runs in the workspace, wants exit code 0, and gives stdout as JSON.
    pub(crate) fn ws_json(&self, args: &[&str]) -> serde_json::Value {
        self.ws(&[&["--output-format", "json"], args].concat()).json()
    }

    /// Writes a log of a drive with so many camera images, each with a labelled car.
    pub(crate) fn drive(&self, name: &str, frames: u32) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let options = DriveOptions {
            frames,
            ..DriveOptions::default()
        };
        drive(&path, options).unwrap();
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A YOLO folder: on each image one bright square and one dark bar on a grey ground.
    pub(crate) fn images(&self, name: &str, count: u32) {
        let folder = self.path(name);
        for sub in ["images/train", "labels/train"] {
            std::fs::create_dir_all(folder.join(sub)).unwrap();
        }
        let yaml = "train: images/train\nnames:\n  0: square\n  1: bar\n";
        std::fs::write(folder.join("data.yaml"), yaml).unwrap();
        for index in 0..count {
            let (width, height) = (64_u32, 48_u32);
            let (x, y) = (4 + (index * 7) % 30, 4 + (index * 5) % 20);
            let image = RgbImage::from_fn(width, height, |px, py| {
                if (x..x + 14).contains(&px) && (y..y + 14).contains(&py) {
                    Rgb([250, 230, 40])
                } else if (40..60).contains(&px) && (36..42).contains(&py) {
                    Rgb([10, 10, 60])
                } else {
                    Rgb([120, (110 + index % 20) as u8, 120])
                }
            });
            image.save(folder.join(format!("images/train/{index:03}.png"))).unwrap();
            let line = |class: u32, x: f64, y: f64, w: f64, h: f64| {
                let (sx, sy) = (f64::from(width), f64::from(height));
                format!(
                    "{class} {} {} {} {}\n",
                    (x + w / 2.0) / sx,
                    (y + h / 2.0) / sy,
                    w / sx,
                    h / sy
                )
            };
            let text = line(0, f64::from(x), f64::from(y), 14.0, 14.0) + &line(1, 40.0, 36.0, 20.0, 6.0);
            std::fs::write(folder.join(format!("labels/train/{index:03}.txt")), text).unwrap();
        }
    }
}

/// Replaces what differs from machine to machine and from run to run.
fn redact(text: &str, dir: &Path) -> String {
    let real = dir.canonicalize().unwrap();
    let text = text
        .replace(&*real.to_string_lossy(), "[DIR]")
        .replace(&*dir.to_string_lossy(), "[DIR]")
        // Which of its files SQLite cannot make on a full disk depends on how full it is.
        .replace("(code: 4874)", "(code: 4618)");
    let mut out = String::new();
    let mut word = String::new();
    for c in text.chars().chain(['\0']) {
        if c.is_ascii_alphanumeric() {
            word.push(c);
            continue;
        }
        let hex = word.len() >= 12 && word.chars().all(|c| c.is_ascii_hexdigit() && !c.is_ascii_uppercase());
        if hex && word.chars().any(|c| c.is_ascii_digit()) && word.chars().any(|c| c.is_ascii_alphabetic()) {
            // The length stays, so that tables stay aligned.
            out.push_str(&"#".repeat(word.len()));
        } else {
            out.push_str(&word);
        }
        word.clear();
        if c != '\0' {
            out.push(c);
        }
    }
    out
}
